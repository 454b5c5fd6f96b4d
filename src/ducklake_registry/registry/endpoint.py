"""`Endpoint`: where a registry's API is, and whether it is asked over TLS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ducklake_registry.errors import UsageError
from ducklake_registry.reference import DOCKER_HUB, is_loopback, parse_registry

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registry's scheme, host and port, with the name that users know it by."""

    scheme: str
    host: str
    port: int
    name: str

    @classmethod
    def of(cls, text: str, *, plain_http: bool = False) -> Self:
        """Read `HOST[:PORT]` or a URL of it.

        Without a scheme it is HTTPS, but plain HTTP for loopback addresses, `localhost` and names that end
        with `.localhost`, or when asked for. Raises UsageError.
        """
        scheme, separator, name = text.rstrip("/").rpartition("://")
        if separator and scheme not in _PORTS:
            raise UsageError(f"{text!r} is no registry: unknown scheme {scheme!r}", "write http:// or https://")
        if separator and "@" in name:
            raise UsageError("a registry's URL may not carry a user name", "use --username and --password-stdin")
        name = parse_registry(name)
        host, port = _split_port(name)
        if name == DOCKER_HUB:
            host = "registry-1.docker.io"
        scheme = scheme or ("http" if plain_http or is_loopback(host) else "https")
        return cls(scheme, host, port or _PORTS[scheme], name)

    @property
    def url(self) -> str:
        """The base of all its URLs, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _split_port(name: str) -> tuple[str, int | None]:
    host, colon, port = name.rpartition(":")
    if colon and port.isdigit() and not (name.startswith("[") and name.endswith("]")):
        return host.strip("[]"), int(port)
    return name.strip("[]"), None
