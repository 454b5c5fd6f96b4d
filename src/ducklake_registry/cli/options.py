"""The options that mean the same on every command that has them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ducklake_registry.display.output import ListFormat, OutputFormat
from ducklake_registry.errors import UsageError
from ducklake_registry.oci import descriptor
from ducklake_registry.settings import parse_duration


def duration(value: str | float) -> float:
    """Read a duration; what is none is the option's fault."""
    with _naming_the_option():
        return parse_duration(value)


def quantity(value: str) -> str:
    """Let a quantity pass; what is none is the option's fault."""
    from ducklake_registry.manifests.quantity import parse_quantity

    with _naming_the_option():
        parse_quantity(str(value))
    return str(value)


def _namespace(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", str(value)):
        raise typer.BadParameter(f"{value!r} is no name of a namespace (a-z, 0-9, -; at most 63)")
    return str(value)


def _cluster(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-.a-z0-9]{0,48}[a-z0-9])?", str(value)):
        raise typer.BadParameter(f"{value!r} is no name of a kind cluster (a-z, 0-9, -, .; at most 50)")
    return str(value)


def platform(value: str) -> descriptor.Platform:
    """Read a platform; what is none is the option's fault."""
    with _naming_the_option():
        return descriptor.Platform.parse(str(value))


@contextlib.contextmanager
def _naming_the_option() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise typer.BadParameter("; ".join(filter(None, (error.message, error.hint)))) from error


class UnnamedRegistry(str):
    """The registry that is spoken to where nobody has named one."""

    __slots__ = ()


def _marked_if_unnamed(ctx: typer.Context, option: typer.CallbackParam, value: str) -> str:
    source = ctx.get_parameter_source(str(option.name))
    return UnnamedRegistry(value) if source and source.name == "DEFAULT" else value


def _contexts(incomplete: str) -> list[str]:
    """Return the user's contexts, for shells that complete the name of one."""
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.errors import DlrError

    with contextlib.suppress(DlrError):
        found = Kubeconfig.parse(os.environ.get("KUBECONFIG")).contexts()
        return [name for name in found if name.startswith(incomplete)]
    return []


Context = Annotated[
    str | None,
    typer.Option(
        envvar="DLR_CONTEXT",
        autocompletion=_contexts,
        metavar="NAME",
        help="Kube context. Default: kind-ducklake-cluster if there is one, else the current context.",
        show_default=False,
    ),
]
KubeconfigFiles = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        envvar=["DLR_KUBECONFIG", "KUBECONFIG"],
        metavar="FILE",
        help="Kubeconfig. Default: ~/.kube/config.",
        show_default=False,
    ),
]
Namespace = Annotated[
    str,
    typer.Option(envvar="DLR_NAMESPACE", metavar="NAME", parser=_namespace, help="Namespace of the registry."),
]
Registry = Annotated[
    str,
    typer.Option(
        envvar="DLR_REGISTRY",
        metavar="HOST[:PORT]",
        callback=_marked_if_unnamed,
        help="Registry, from where you stand.",
    ),
]
RegistryIfAny = Annotated[
    str,
    typer.Option(
        "--registry",
        envvar="DLR_REGISTRY",
        metavar="HOST[:PORT]",
        help="Registry, from where you stand. Default: where the cluster says it is, else localhost:5000.",
        show_default=False,
    ),
]
Username = Annotated[
    str | None,
    typer.Option(
        envvar="DLR_USERNAME",
        metavar="NAME",
        help="Who asks --registry, or the image's if none is named. Default: whom Docker is logged in as.",
        show_default=False,
    ),
]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", envvar="DLR_PASSWORD_STDIN", help="Read that user's password from stdin."),
]
CaFile = Annotated[
    Path | None,
    typer.Option(envvar="DLR_CA_FILE", metavar="FILE", help="Trust this authority besides the system's (PEM)."),
]
Certificate = Annotated[
    Path | None,
    typer.Option("--cert", envvar="DLR_CERT", metavar="FILE", help="Show this client certificate (PEM)."),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", envvar="DLR_KEY", metavar="FILE", help="Its key, unless it is in the same file."),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", envvar="DLR_INSECURE", help="Trust any certificate of the registry.")
]
PlainHttp = Annotated[
    bool,
    typer.Option("--plain-http", envvar="DLR_PLAIN_HTTP", help="Ask without TLS, as is usual for localhost."),
]
Timeout = Annotated[
    float,
    typer.Option(
        envvar="DLR_TIMEOUT",
        metavar="DURATION",
        parser=duration,
        show_default="5m",
        help='Limit of all waiting, like "90s".',
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        envvar="DLR_TIMEOUT",
        metavar="DURATION",
        parser=duration,
        help='Limit of the whole command, like "1h". Default: none, but 5m for each silence.',
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", envvar="DLR_DRY_RUN", help="Show what would be done, and do nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", envvar="DLR_YES", help="Do not ask.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", envvar=["DLR_VERBOSE", "VERBOSE"], help="Tell more of what is done.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", envvar="DLR_QUIET", help="Tell nothing but errors.")]
Output = Annotated[
    OutputFormat, typer.Option("--output", "-o", envvar="DLR_OUTPUT", help="For people, or for machines.")
]
ListOutput = Annotated[
    ListFormat,
    typer.Option("--output", "-o", envvar="DLR_OUTPUT", help="For people, or for machines; jsonl as it comes."),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Look again every two seconds, until Ctrl-C.")]
ClusterName = Annotated[
    str,
    typer.Option("--name", envvar="DLR_NAME", metavar="NAME", parser=_cluster, help="Name of the kind cluster."),
]
HostPort = Annotated[
    int,
    typer.Option(
        envvar="DLR_HOST_PORT", min=1, max=65535, help="Port of this machine that leads to the registry."
    ),
]
StorageSize = Annotated[
    str | None,
    typer.Option(
        envvar="DLR_STORAGE_SIZE",
        metavar="QUANTITY",
        parser=quantity,
        help="Size of the volume, 10Gi by default.",
    ),
]
StorageClass = Annotated[
    str | None,
    typer.Option(
        envvar="DLR_STORAGE_CLASS", metavar="NAME", help="Storage class, the cluster's default if unset."
    ),
]
NodePort = Annotated[
    int | None,
    typer.Option(envvar="DLR_NODE_PORT", min=1, max=65535, help="Port of the nodes, 30500 by default."),
]
Memory = Annotated[
    str | None,
    typer.Option(envvar="DLR_MEMORY", metavar="QUANTITY", parser=quantity, help="Memory limit, 512Mi by default."),
]
Cpu = Annotated[
    str | None,
    typer.Option(envvar="DLR_CPU", metavar="QUANTITY", parser=quantity, help="Processor limit, 500m by default."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="DLR_CONFIG", metavar="FILE", help="A kind configuration to merge into."),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")]
Tail = Annotated[
    int | None,
    typer.Option(envvar="DLR_TAIL", min=0, metavar="N", help="The last N lines only.", show_default=False),
]
Since = Annotated[
    float | None,
    typer.Option(
        envvar="DLR_SINCE",
        metavar="DURATION",
        parser=duration,
        help='Only what is not older than this, like "10m".',
        show_default=False,
    ),
]
Previous = Annotated[bool, typer.Option("--previous", "-p", help="The run before the last restart.")]
LocalPort = Annotated[
    int, typer.Option("--port", envvar="DLR_PORT", min=1, max=65535, help="Port of this machine to take.")
]
Address = Annotated[
    str,
    typer.Option(
        envvar="DLR_ADDRESS", metavar="ADDRESS", help="Address of this machine; 0.0.0.0 lets others in too."
    ),
]
Platform = Annotated[
    descriptor.Platform | None,
    typer.Option(
        envvar="DLR_PLATFORM",
        metavar="OS/ARCH",
        parser=platform,
        help="This platform alone, like linux/arm64. Default: all of them.",
        show_default=False,
    ),
]
Select = Annotated[
    str | None,
    typer.Option(
        envvar="DLR_SELECT",
        metavar="NAME",
        help="Which image, where there are several: its name in there.",
        show_default=False,
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        envvar="DLR_CACHE_DIR",
        metavar="FOLDER",
        help="Where facts about images are kept. Default: the user's folder for caches.",
        show_default=False,
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", envvar="DLR_NO_CACHE", help="Keep and use no such facts.")]

_IMAGE = "[REGISTRY/]REPOSITORY[:TAG][@DIGEST]"
Image = Annotated[str, typer.Argument(metavar="IMAGE", help=f"{_IMAGE}; without a registry it is --registry's.")]
Images = Annotated[
    list[str], typer.Argument(metavar="IMAGE…", help=f"{_IMAGE}; without a registry it is --registry's.")
]
ImageFiles = Annotated[
    Path, typer.Argument(metavar="DIR|FILE.tar", help="A folder, or a file with .tar at its end.")
]
