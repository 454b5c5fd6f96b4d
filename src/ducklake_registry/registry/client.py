"""`RegistryClient`: the verbs of the registry API.

Source: the OCI distribution specification 1.1; for the catalog distribution's "HTTP API V2".
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from ducklake_registry.errors import Unauthorized
from ducklake_registry.registry._http import Session
from ducklake_registry.registry.blobs import Blobs
from ducklake_registry.registry.bulk import Bulk
from ducklake_registry.registry.call import Asked, Call
from ducklake_registry.registry.calls import LIST_LIMIT
from ducklake_registry.registry.certificate import Certificate, certificate_of
from ducklake_registry.registry.credentials import Credentials, docker_credentials
from ducklake_registry.registry.endpoint import Endpoint
from ducklake_registry.registry.manifests import Manifests
from ducklake_registry.registry.retry import Retry
from ducklake_registry.registry.tls import tls_context
from ducklake_registry.waiting import Deadline

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from types import TracebackType

    from ducklake_registry.registry.answers import Answer

_ANY_STATUS = range(100, 600)

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
    with all its repeats, and of a blob each silence; `time_limit` everything, from when the client is made, and
    what would go on then raises TimeoutExpired. `observe` hears of every single request, from whichever thread
    sent it.
    """

    def __init__(
        self,
        registry: str,
        *,
        auth: Auth = docker_credentials,
        verify: ssl.SSLContext | bool = True,
        timeout: float = 60.0,
        time_limit: float = math.inf,
        plain_http: bool = False,
        retry: Retry | None = None,
        observe: Callable[[Asked], None] = lambda _: None,
    ) -> None:
        self.endpoint = Endpoint.of(registry, plain_http=plain_http)
        self._options: dict[str, Any] = {
            "registry": registry,
            "auth": auth,
            "verify": verify,
            "timeout": timeout,
            "time_limit": time_limit,
            "plain_http": plain_http,
            "retry": retry,
            "observe": observe,
        }
        self._verify = verify
        session = Session(
            self.endpoint,
            find_credentials=lambda: auth(self.endpoint.name) if callable(auth) else auth,
            tls=self._tls,
            timeout=timeout,
            limit=Deadline(time_limit),
            retry=retry or Retry(),
            observe=observe,
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

    def another(self, **changed: Any) -> RegistryClient:
        """Return a new client of the same registry, which differs in the arguments that are given."""
        return RegistryClient(**self._options | changed)

    def ask(
        self,
        method: str,
        path: str,
        *,
        scope: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request as it stands and return its answer, whatever its status and content.

        For those who test a registry: nothing is verified, and no page is followed. `scope` is what its token
        has to allow. Raises RegistryUnreachable.
        """
        call = Call(method, path, scope, f"{self.endpoint.name}{path}", headers or {}, body, limit=LIST_LIMIT)
        return self._session.send(call, *_ANY_STATUS)

    def ask_as_stranger(self) -> Answer:
        """Ask the first of all questions (GET `/v2/`) with nothing that says who asks, not even a nameless token.

        A 401 is returned as it is: its WWW-Authenticate says how to log in. Raises RegistryUnreachable.
        """
        return self._session.send(replace(self._calls.ping(), nameless=True), *_ANY_STATUS)

    def _tls(self) -> ssl.SSLContext:
        return tls_context(insecure=not self._verify) if isinstance(self._verify, bool) else self._verify

    def certificate(self) -> Certificate | None:
        """Return the certificate that the registry shows, None over plain HTTP or where nobody looks at it.

        Raises RegistryUnreachable, also for a certificate that is not to be trusted.
        """
        return certificate_of(self.endpoint, self._tls(), self._session.timeout)
