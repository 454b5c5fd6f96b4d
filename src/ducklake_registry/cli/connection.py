"""How a command reaches a registry: the options that all commands of images share."""

from __future__ import annotations

import inspect
import sys
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, get_type_hints

from ducklake_registry.cli import image_options, options
from ducklake_registry.errors import UsageError
from ducklake_registry.settings import DEFAULT_REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import typer

    from ducklake_registry.reference import Reference
    from ducklake_registry.registry import Auth, RegistryClient

_ANSWER_SECONDS = 5.0
"""The longest that one answer is waited for where there is only a look."""

_SILENCE_SECONDS = 300.0
"""The longest that one answer, or the next bytes of a blob, are waited for where something is moved."""


@dataclass(frozen=True, slots=True)
class _Connection:
    """What all groups of options for speaking to a registry share: all but how long."""

    registry: options.Registry = DEFAULT_REGISTRY
    username: options.Username = None
    password_stdin: options.PasswordStdin = False
    ca_file: options.CaFile = None
    cert: options.Certificate = None
    key: options.Key = None
    insecure: options.Insecure = False
    plain_http: options.PlainHttp = False

    def reference(self, image: str) -> Reference:
        """Read the name of an image; without a registry in it, it is of `--registry`. Raises UsageError."""
        from ducklake_registry.reference import Reference

        return Reference.parse(image, default_registry=self._name)

    def references(self, images: Sequence[str]) -> list[Reference]:
        """Read the names of images of one registry, each once; raises UsageError where there are two."""
        found = list(dict.fromkeys(map(self.reference, images)))
        registries = sorted({each.registry for each in found})
        if len(registries) > 1:
            raise UsageError(
                f"the images are in different registries: {', '.join(registries)}",
                "run the command once for each registry",
            )
        return found

    def client(self, registry: str | None = None, **special: Any) -> RegistryClient:
        """Return a client of a registry, of `--registry` if none is named. Raises UsageError.

        Who asks another registry than `--registry` is whom Docker is logged in as there: a password set once for
        the one must not get to whatever host an image names.
        `special` are arguments of RegistryClient for a command that wants others than the options say.
        """
        from ducklake_registry.registry import RegistryClient, tls_context

        own = registry is None or registry == self._name
        return RegistryClient(
            self.registry if own else str(registry),
            auth=self._auth(own=own),
            # The context is made by the client when it first needs one, unless somebody wants a special one.
            verify=tls_context(ca_file=self.ca_file, certificate=self.cert, key=self.key, insecure=self.insecure)
            if self.ca_file or self.cert
            else not self.insecure,
            plain_http=self.plain_http,
            **self._limits() | special,
        )

    def _limits(self) -> dict[str, float]:
        """Return the arguments of RegistryClient that say how long it may take."""
        return {}

    @property
    def _name(self) -> str:
        from ducklake_registry.registry.endpoint import Endpoint

        return Endpoint.of(self.registry).name

    def _auth(self, *, own: bool) -> Auth:
        from ducklake_registry.registry import Credentials, docker_credentials

        if self.key and not self.cert:
            raise UsageError("--key without --cert", "a client certificate has both")
        if self.username is None and not self.password_stdin:
            return docker_credentials
        if not self.username or not self.password_stdin:
            raise UsageError("--username and --password-stdin go together", "echo PASSWORD | dlr …")
        if not own and not isinstance(self.registry, options.UnnamedRegistry):
            return docker_credentials
        return Credentials(self.username, sys.stdin.readline().rstrip("\r\n"))


@dataclass(frozen=True, slots=True)
class Connection(_Connection):
    """The options for speaking to a registry; a command gets them by `connected`."""

    timeout: options.Timeout = 300

    def _limits(self) -> dict[str, float]:
        return {"timeout": self.timeout}


@dataclass(frozen=True, slots=True)
class TransferConnection(_Connection):
    """The options for moving images, which may take hours: it has no limit but the one that is asked for."""

    timeout: options.TimeLimit = None

    def _limits(self) -> dict[str, float]:
        if self.timeout is None:
            return {"timeout": _SILENCE_SECONDS}
        return {"timeout": min(self.timeout, _SILENCE_SECONDS), "time_limit": self.timeout}


@dataclass(frozen=True, slots=True)
class ClusterConnection(Connection):
    """The options for speaking to a cluster's own registry; where none is named, the cluster says where it is."""

    registry: options.RegistryIfAny = ""

    @property
    def named(self) -> str | None:
        """The registry that was named, if one was."""
        return self.registry or None

    def asking_once(self) -> Callable[[str], RegistryClient]:
        """Return what makes clients that ask once, and do not wait long. Raises UsageError.

        A password is read from stdin here and now, however often there is a look.
        """
        from ducklake_registry.registry import Retry

        seconds = min(self.timeout, _ANSWER_SECONDS)
        client = replace(self, registry=DEFAULT_REGISTRY).client(timeout=seconds, retry=Retry(attempts=1))
        return lambda registry: client.another(registry=registry)


@dataclass(frozen=True, slots=True)
class ProdConnection(Connection):
    """The options for speaking to production's registry, which is never the one of the other commands."""

    registry: image_options.ProdRegistryOnly = ""


def typed(ctx: typer.Context, name: str) -> Any:
    """Return the value of an option that stands on the command line; None if it is from elsewhere."""
    source = ctx.get_parameter_source(name)
    return ctx.params[name] if source and source.name == "COMMANDLINE" else None


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a dataclass, like `Connection`, in the place of its parameter of that type."""
    parameters = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(command, eval_str=True).parameters.values()
    ]
    groups: dict[str, Any] = {each.name: each.annotation for each in parameters if is_dataclass(each.annotation)}

    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    spread = [option for each in parameters for option in _options_of(each)]
    # This is what typer reads.
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in spread}
    vars(run)["__signature__"] = inspect.Signature(spread)
    return run


def _options_of(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """Return a parameter, or those that it stands for."""
    group = parameter.annotation
    if not is_dataclass(group):
        return [parameter]
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
