"""What the engine's words about a registry mean: they come as text within a stream."""

from __future__ import annotations

import re

from ducklake_registry.errors import Denied, DlrError, EngineError, NotFound, Unauthorized

_PASSING = (
    "connection refused",
    "connection reset",
    "broken pipe",
    "EOF",
    "i/o timeout",
    "TLS handshake timeout",
    "Client.Timeout",
    "use of closed network connection",
    "HTTP status: 502",
    "HTTP status: 503",
    "HTTP status: 504",
)


_NOT_TRUSTED = re.compile("x509:|tls: [a-z ]*certificate")
_QUOTED = re.compile('"[^"]*"')


class ConnectionBroken(EngineError):
    """The engine lost the registry on the way: the same may well succeed a moment later."""


def registry_failure(what: str, registry: str, said: str) -> DlrError:  # noqa: PLR0911 - a table
    """Make the error for what the engine said when it could not do `what` with a registry."""
    message = f"{what}: {said.strip()}"
    said = _QUOTED.sub("", said)  # what is called like a failure is none
    if "server gave HTTP response to HTTPS client" in said:
        return EngineError(
            message,
            f'the engine speaks TLS to {registry}: give it TLS, or add it to "insecure-registries" in daemon.json'
            " (Podman: registries.conf)",
        )
    if _NOT_TRUSTED.search(said):
        return EngineError(
            message, f"the engine does not trust it: put its authority into /etc/docker/certs.d/{registry}/ca.crt"
        )
    if "unauthorized" in said or "no basic auth" in said:
        return Unauthorized(message, f"docker login {registry}; or --username NAME --password-stdin")
    if "denied" in said:
        return Denied(message, "this user may not do that there")
    if "manifest unknown" in said or "not found" in said:
        return NotFound(message, f"see what is there: dlr list-registry-images --registry {registry}")
    if "no space left" in said:
        return EngineError(message, "the disk is full: `docker system prune` frees the engine's")
    if "HTTP status: 500" in said:  # the engine has asked five times by then
        return EngineError(
            message, "the registry failed within; its volume may be full: dlr registry-status, dlr logs"
        )
    if any(each in said for each in _PASSING):
        return ConnectionBroken(
            message, "the engine reaches the registry from where it runs; see `dlr registry-status`"
        )
    return EngineError(message, "see the registry's log: dlr logs")
