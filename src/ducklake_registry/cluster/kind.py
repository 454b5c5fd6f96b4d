"""kind: making and deleting clusters whose nodes are containers. A thin wrapper over the `kind` program."""

from __future__ import annotations

import contextlib
import copy
import mmap
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ducklake_registry.errors import ClusterError, UsageError
from ducklake_registry.manifests import data_folder, load
from ducklake_registry.process import CommandFailed, CommandMissing, run
from ducklake_registry.settings import HOST_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ducklake_registry.step import Report
    from ducklake_registry.waiting import Deadline

DEFAULT_NAME = "ducklake-cluster"
MINIMUM_VERSION = (0, 27)
"""From this version on, kind's nodes have the `config_path` of containerd set."""

_INSTALL_HINT = "install kind 0.27 or newer: https://kind.sigs.k8s.io/docs/user/quick-start/#installation"


_HINTS = (
    ("no space left on device", "free space on the engine's disk: docker system df, docker system prune"),
    # A node's systemd ends at once when the user's share of the kernel's file watchers is used up.
    (
        "is not running",
        "where there are several clusters: sudo sysctl fs.inotify.max_user_instances=1024",
    ),
)


@dataclass(frozen=True, slots=True)
class KindSpec:
    """The cluster that is wanted: `workers` nodes beside the control plane (None: as it is), and two ports.

    `host_port` is the laptop's, `node_port` the nodes'. `config` is a kind configuration to start from.
    """

    name: str = DEFAULT_NAME
    host_port: int = HOST_PORT
    node_port: int = 30500
    workers: int | None = None
    node_image: str | None = None
    config: Path | None = None

    @property
    def context(self) -> str:
        """The name that kind gives to the cluster's kube context."""
        return f"kind-{self.name}"


def version() -> str:
    """Return kind's version, such as "0.33.0".

    Raises ClusterError when kind is missing or older than MINIMUM_VERSION.
    """
    said = _kind("--version", timeout=10)
    match = re.search(r"(\d+)\.(\d+)\S*", said)
    if not match:
        raise ClusterError(f"`kind --version` says {said.strip()!r}, which is no version", _INSTALL_HINT)
    if (int(match[1]), int(match[2])) < MINIMUM_VERSION:
        raise ClusterError(f"kind {match[0]} is too old", _INSTALL_HINT)
    return match[0]


def default_node_image() -> str | None:
    """Return the node image that the installed kind takes by itself, with its digest, if it can be told.

    kind has no command that tells it; the constant is in the program.
    """
    program = shutil.which("kind")
    if not program:
        return None
    with Path(program).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        match = re.search(rb"kindest/node:v\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", content)
        return match[0].decode() if match else None


def config(spec: KindSpec) -> dict[str, Any]:
    """Return kind's configuration for a cluster: the given one or the project's own, with ports and workers.

    The control plane gets the port mapping that makes the registry's node port the laptop's.

    Raises UsageError for a file that is no kind configuration, has no control plane, or whose mappings clash.
    """
    source = spec.config or data_folder("kind") / "cluster.yaml"
    wanted = copy.deepcopy(_configuration(source)) | {"name": spec.name}
    nodes = wanted["nodes"] = list(wanted.get("nodes") or [{"role": "control-plane"}])
    # A node that names no role is a control plane to kind.
    control_plane = next((node for node in nodes if node.get("role", "control-plane") == "control-plane"), None)
    if control_plane is None:
        raise UsageError(f"{source} has no node of the role control-plane")
    control_plane["extraPortMappings"] = _mappings(control_plane, spec, source)
    nodes.extend({"role": "worker"} for _ in range(spec.workers or 0))
    return wanted


def _configuration(source: Path) -> dict[str, Any]:
    """Return what is in a kind configuration. Raises UsageError for a file that is none."""
    found = next(iter(load([source])), {})
    if found.get("kind") != "Cluster" or "kind.x-k8s.io" not in str(found.get("apiVersion")):
        raise UsageError(f"{source} is no kind configuration (kind: Cluster)")
    nodes = _dictionaries(found.get("nodes"), "nodes", source)
    for node in nodes:
        for mapping in _dictionaries(node.get("extraPortMappings"), "extraPortMappings", source):
            if "containerPort" not in mapping:
                raise UsageError(f"{source} is no kind configuration: a port mapping has no containerPort")
    return found


def _dictionaries(value: Any, name: str, source: Path) -> list[dict[str, Any]]:
    entries = [] if value is None else value
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise UsageError(f"{source} is no kind configuration: {name} is no list of mappings")
    return entries


def _mappings(node: dict[str, Any], spec: KindSpec, source: Path) -> list[dict[str, Any]]:
    ours = {
        "containerPort": spec.node_port,
        "hostPort": spec.host_port,
        "listenAddress": "127.0.0.1",
        "protocol": "TCP",
    }
    others = list(node.get("extraPortMappings") or ())
    if not spec.config:  # the project's own file maps the registry's port and nothing else
        return [ours]
    for other in others:
        if other["containerPort"] == spec.node_port and other.get("hostPort") == spec.host_port:
            return others
        if other["containerPort"] == spec.node_port or other.get("hostPort") == spec.host_port:
            raise UsageError(
                f"{source} maps host port {other.get('hostPort')} to node port {other['containerPort']}, "
                f"but the registry needs {spec.host_port} to {spec.node_port}",
                hint="change that mapping, or choose another port of this machine with --host-port",
            )
    return [*others, ours]


def create(wanted: dict[str, Any], image: str | None, deadline: Deadline, report: Report) -> None:
    """Make a cluster, whose API answers then; the user's kubeconfig is not touched.

    kind is not told to wait until the nodes are ready: what the caller does next need not wait for that.
    """
    with _file(yaml.safe_dump(wanted)) as path, _file("") as kubeconfig:
        arguments = [f"--config={path}", f"--kubeconfig={kubeconfig}"]
        arguments += [f"--image={image}"] if image else []
        _kind("create", "cluster", *arguments, timeout=deadline.remaining + 5, report=report)


def delete(name: str, kubeconfig: Path, timeout: float, report: Report) -> None:
    """Delete a cluster, and its context from one file of the user's kubeconfig."""
    _kind("delete", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}", timeout=timeout, report=report)


def kubeconfig_of(name: str) -> dict[str, Any]:
    """Return the kubeconfig entries of a cluster. Raises ClusterError when its control plane is gone."""
    try:
        entries = yaml.safe_load(_kind("get", "kubeconfig", f"--name={name}", timeout=30))
    except yaml.YAMLError as error:
        raise ClusterError("kind get kubeconfig gave no YAML") from error
    if not isinstance(entries, dict) or not entries.get("contexts"):
        raise ClusterError(f"kind get kubeconfig gave no context of the cluster {name}")
    return entries


@contextlib.contextmanager
def temporary_kubeconfig(entries: dict[str, Any]) -> Iterator[Path]:
    """Give a file with a kubeconfig of these entries alone, while the body runs."""
    with _file(yaml.safe_dump(entries)) as path:
        yield path


def _kind(*arguments: str, timeout: float, report: Report | None = None) -> str:
    def on_line(line: str) -> None:
        if report and (text := re.sub(r"[^\x20-\x7e]+", "", line).strip(" .")):
            report(text)

    try:
        return run(["kind", *arguments], timeout=timeout, on_line=on_line)
    except CommandMissing as error:
        raise ClusterError(error.message, _INSTALL_HINT) from error
    except CommandFailed as error:
        raise _failure(arguments, error.output) from error


def _failure(arguments: Sequence[str], output: str) -> ClusterError:
    """Return an error with what kind, or the command that kind ran on a node, gives as the reason."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reasons = [line.partition(": ")[2] for line in lines if line.startswith(("ERROR: ", "Command Output: "))]
    reason = (reasons or lines or ["no reason given"])[-1]
    hint = next((hint for words, hint in _HINTS if words in output), None)
    message = f"kind {' '.join(arguments[:2])} failed: {reason}"
    return ClusterError(message, hint, tuple(line for line in lines[-8:] if reason not in line))


@contextlib.contextmanager
def _file(content: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dlr-") as folder:
        path = Path(folder) / "kind.yaml"
        path.write_text(content, "utf-8")
        yield path
