"""What failed connections mean to the one who asked."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ducklake_registry.errors import InvalidAnswer, RegistryError, RegistryUnreachable, UnknownHost
from ducklake_registry.registry.connections import Origin, TooLarge, Truncated

if TYPE_CHECKING:
    from ducklake_registry.registry.endpoint import Endpoint

CONNECTION_FAILURES = (OSError, http.client.HTTPException)

_NO_SUCH_NAME = {
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_FAIL") if hasattr(socket, name)
}
# OpenSSL's X509_V_ERR_… for what no other authority would change.
_TRUST_HINTS = {
    9: "see whether this machine's clock is right: date",
    10: "have it renewed, unless this machine's clock is wrong: date",
    62: "use a name that the certificate has",
}
# What a server says of our own certificate (RFC 8446, section 6.2), by OpenSSL's reasons.
_ABOUT_OURS = re.compile(r"ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA)")
_ELSEWHERE = "it keeps its content or its tokens there: that has to be reached from here too"
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE", "HTTP_REQUEST")


def is_passing(error: BaseException) -> bool:
    """Tell whether the same request may well succeed a moment later."""
    if isinstance(error, ssl.SSLCertVerificationError) or _is_not_tls(error) or _is_about_ours(error):
        return False
    return not (isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME)


def unreachable(error: BaseException, endpoint: Endpoint, url: str, attempts: int) -> RegistryError:  # noqa: PLR0911 - a table
    """Make the error for a request that got no whole answer; `url` is where it went."""
    place = _origin(url)
    at_home = place == _origin(endpoint.url)
    name = endpoint.name if at_home else f"{_netloc(place)} (sent there by {endpoint.name})"
    tried = f" (tried {attempts} times)" if attempts > 1 else ""
    match error:
        case ssl.SSLCertVerificationError():
            return RegistryUnreachable(
                f"the certificate of {name} is not trusted: {error.verify_message}",
                _TRUST_HINTS.get(error.verify_code, "name the authority that signed it: --ca-file FILE")
                + "; or, for a test, --insecure",
            )
        case ssl.SSLError() if _is_not_tls(error):
            hint = f"for plain HTTP write http://{name}" if at_home else _ELSEWHERE
            return RegistryUnreachable(f"{name} does not speak TLS", hint)
        case ssl.SSLError() if _is_about_ours(error):
            return RegistryUnreachable(
                f"{name} wants a client certificate, or another one: {error.reason}",
                "show one that it knows the authority of: --cert FILE --key FILE",
            )
        case ssl.SSLError():
            return RegistryUnreachable(f"no TLS connection to {name}: {error.reason or error}{tried}")
        case socket.gaierror() if error.errno in _NO_SUCH_NAME:
            if not at_home:
                return RegistryUnreachable(
                    f"no host is called {place.host!r}, but {endpoint.name} sends there", _ELSEWHERE
                )
            return UnknownHost(f"no host is called {place.host!r}", "check the registry's name for a typing error")
        case TimeoutError():
            return RegistryUnreachable(f"no answer from {name} in time{tried}", "give it more: --timeout 5m")
        case Truncated():
            return RegistryUnreachable(f"the connection to {name} ended too early: {error}{tried}")
        case http.client.HTTPException():
            return RegistryUnreachable(f"{name} does not speak HTTP as expected: {_reason(error)}{tried}")
    return RegistryUnreachable(
        f"cannot reach {name} at {place.scheme}://{_netloc(place)}: {_reason(error)}{tried}",
        "see how it is: dlr registry-status" if at_home else _ELSEWHERE,
    )


def too_large(_: TooLarge, subject: str, limit: int) -> RegistryError:
    """Make the error for an answer that is larger than anything of its kind should be."""
    return InvalidAnswer(f"{subject} is larger than {limit:,} bytes: it is not read")


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def _netloc(origin: Origin) -> str:
    return f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"


def _is_not_tls(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS


def _is_about_ours(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) and bool(_ABOUT_OURS.search(error.reason or ""))


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
