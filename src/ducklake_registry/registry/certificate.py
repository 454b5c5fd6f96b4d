"""The certificate that a registry shows."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ducklake_registry.registry.failures import CONNECTION_FAILURES, unreachable

if TYPE_CHECKING:
    from ducklake_registry.registry.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who a certificate is for, and until when it holds; `protocol` is the TLS version it was shown over."""

    names: tuple[str, ...]
    expires: datetime
    protocol: str


def certificate_of(endpoint: Endpoint, context: ssl.SSLContext, timeout: float) -> Certificate | None:
    """Connect to a registry and return its certificate; None over plain HTTP, or if nothing is verified.

    Raises RegistryUnreachable, also for a certificate that the context does not trust.
    """
    if endpoint.scheme != "https" or context.verify_mode is ssl.CERT_NONE:
        return None
    try:
        with (
            socket.create_connection((endpoint.host, endpoint.port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=endpoint.host) as secured,
        ):
            shown: dict[str, Any] = dict(secured.getpeercert() or {})
            protocol = secured.version() or ""
    except CONNECTION_FAILURES as error:
        raise unreachable(error, endpoint, endpoint.url, 1) from error
    seconds = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    names = tuple(str(name) for _, name in shown.get("subjectAltName", ()))
    return Certificate(names, datetime.fromtimestamp(seconds, UTC), protocol)
