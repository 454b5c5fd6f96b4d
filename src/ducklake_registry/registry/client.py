"""`RegistryClient`: the verbs of the registry API.

Source: the OCI distribution specification 1.1; for the catalog distribution's "HTTP API V2".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ducklake_registry.errors import Unauthorized
from ducklake_registry.registry._http import Session
from ducklake_registry.registry.blobs import Blobs
from ducklake_registry.registry.bulk import Bulk
from ducklake_registry.registry.credentials import Credentials, docker_credentials
from ducklake_registry.registry.endpoint import Endpoint
from ducklake_registry.registry.manifests import Manifests
from ducklake_registry.registry.retry import Retry
from ducklake_registry.registry.tls import tls_context

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from ducklake_registry.registry.answers import Answer

Auth = Credentials | Callable[[str], Credentials | None] | None


@dataclass(frozen=True, slots=True)
class Ping:
    """What a registry answers to the first of all questions.

    `api_version` is its word (`registry/2.0`) or "". `seconds` is the time it took, connecting included.
    `authentication` is the scheme it asks for (`basic`, `bearer`) or "". `authorized` tells whether the
    credentials at hand were enough.
    """

    url: str
    api_version: str
    seconds: float
    authentication: str
    authorized: bool


class RegistryClient(Manifests, Blobs, Bulk):
    """Speaks to one registry; a context manager, safe to share among threads.

    `registry` is `HOST[:PORT]` or a URL. `auth` is who asks: credentials, a function that looks them up for
    `HOST[:PORT]` when the registry first wants them, or None for nobody. `verify` is a TLS context
    (`tls_context`), True for the system's trust or False for none. `timeout` limits, in seconds, each answer
    with all its repeats, and of a blob each silence.
    """

    def __init__(
        self,
        registry: str,
        *,
        auth: Auth = docker_credentials,
        verify: ssl.SSLContext | bool = True,
        timeout: float = 60.0,
        plain_http: bool = False,
        retry: Retry | None = None,
    ) -> None:
        self.endpoint = Endpoint.of(registry, plain_http=plain_http)
        session = Session(
            self.endpoint,
            find_credentials=lambda: auth(self.endpoint.name) if callable(auth) else auth,
            tls=lambda: tls_context(insecure=not verify) if isinstance(verify, bool) else verify,
            timeout=timeout,
            retry=retry or Retry(),
        )
        super().__init__(session)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    @property
    def credentials(self) -> Credentials | None:
        """Who asks, once the registry has wanted to know (`ping` finds out); None where nobody has to say."""
        return self._session.authorizer.credentials

    def ping(self) -> Ping:
        """Ask whether this is a registry and lets us in; raises RegistryError, RegistryUnreachable."""
        start = time.perf_counter()
        try:
            answer: Answer | None = self._session.send(self._calls.ping())
        except Unauthorized:
            answer = None
        seconds = time.perf_counter() - start
        version = answer.header("docker-distribution-api-version") if answer else ""
        return Ping(self.endpoint.url, version, seconds, self._session.authorizer.scheme, answer is not None)
