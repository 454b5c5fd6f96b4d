"""`Session`: requests, redirects, authorization and repeats for one registry.

The only module that names httpx, which builds requests, resolves URLs and redirects; bytes go by `Connections`.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, cast

import httpx

from ducklake_registry import __version__
from ducklake_registry.errors import InvalidAnswer, RegistryError, Unauthorized
from ducklake_registry.registry.answers import Answer, problem
from ducklake_registry.registry.authorization import Authorizer
from ducklake_registry.registry.call import Asked, Call
from ducklake_registry.registry.challenge import parse_challenges
from ducklake_registry.registry.connections import Connections, Exchange, Origin, Outgoing
from ducklake_registry.registry.failures import CONNECTION_FAILURES
from ducklake_registry.registry.repeats import GRACE, Failed, Repeater

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from ducklake_registry.registry.credentials import Credentials
    from ducklake_registry.registry.endpoint import Endpoint
    from ducklake_registry.registry.retry import Retry
    from ducklake_registry.waiting import Deadline

_REDIRECTS = 5
_HTTPS_PORT = 443


class Session:
    """Sends calls to one registry; safe to share among threads. `observe` hears of every single request."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        find_credentials: Callable[[], Credentials | None],
        tls: Callable[[], ssl.SSLContext],
        timeout: float,
        limit: Deadline,
        retry: Retry,
        observe: Callable[[Asked], None] = lambda _: None,
    ) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self.retry = retry
        self._observe = observe
        self._limit = limit
        self._repeater = Repeater(endpoint, timeout, limit, retry)
        self._connections = Connections(tls)
        self._end = _at_the_end_of(limit, self._connections.cut)
        self._client = httpx.Client(
            transport=_Transport(self._connections),
            headers={"User-Agent": f"dlr/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"},
            cookies=_NoCookies(),
            trust_env=False,
        )
        self._home = _origin(httpx.URL(endpoint.url))
        self.authorizer = Authorizer(endpoint, find_credentials, self._fetch_token)

    def close(self) -> None:
        """Close every connection."""
        if self._end:
            self._end.cancel()
        self._client.close()
        self._connections.close()

    def send(self, call: Call, *also: int, first: Answer | None = None) -> Answer:
        """Send a call and return its answer; statuses other than 2xx and those in `also` raise.

        Raises RegistryUnreachable, TimeoutExpired and the errors that `problem` makes. A call that may be sent
        twice is repeated after connection failures and passing statuses until the session's timeout. `first` is
        what came when somebody else sent it for the first time.
        """
        answers = [first] if first else []
        answer = self._repeater.run(call, lambda *given: answers.pop() if answers else self._authorized(*given))
        if answer.ok or answer.status in also:
            return answer
        raise self.problem(answer, call.subject)

    def check_time(self, seen: str) -> None:
        """Raise TimeoutExpired, with what was last seen, once the limit of everything is over."""
        self._repeater.check(seen)

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the limit of everything."""
        time.sleep(min(seconds, self._limit.remaining))

    def problem(self, answer: Answer, subject: str) -> RegistryError:
        """Make the error for an answer that is not what was asked for."""
        return problem(answer, subject, self.endpoint.name)

    def written(self, call: Call) -> bytes:
        """Write a call without a body as HTTP/1.1, for a socket that `connected_socket` gave."""
        request = self._build(call)
        if authorization := self.authorizer.header(call.scope):
            request.headers["Authorization"] = authorization
        lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
        lines += [b"%s: %s" % field for field in request.headers.raw]
        return b"\r\n".join([*lines, b"\r\n"])

    def connected_socket(self) -> socket.socket:
        """Connect to the registry, over TLS if it is asked so; raises OSError."""
        return self._connections.socket(self._home, self.timeout)

    def absolute(self, url: str, base: str | None = None) -> str:
        """Resolve a URL that the registry gave, against the one that it was asked at."""
        try:
            return str(httpx.URL(base or self.endpoint.url).join(url))
        except httpx.InvalidURL as error:
            raise InvalidAnswer(f"{self.endpoint.name} gave a URL that is none: {url[:200]!r}") from error

    def onward(self, url: str, base: str) -> str:
        """Resolve a URL at which something goes on that was begun here, and never in the clear if it was not.

        A registry behind a proxy that ends TLS may not know of that, and call itself http://; then its place is
        the one where it was asked. Raises InvalidAnswer where any other URL would leave HTTPS.
        """
        target = httpx.URL(self.absolute(url, base))
        home = self._home
        if home.scheme != "https" or target.scheme == "https":
            return str(target)
        ports = {home.port, 80} if home.port == _HTTPS_PORT else {home.port}
        if target.scheme == "http" and target.host == home.host and _origin(target).port in ports:
            return str(target.copy_with(scheme="https", port=home.port))
        raise InvalidAnswer(
            f"{self.endpoint.name} was asked over HTTPS, but goes on at {target.scheme}://{target.host}",
            "nothing is sent there; its operator should see what the proxy tells it: X-Forwarded-Proto, Host",
        )

    def is_home(self, url: str) -> bool:
        """Tell whether a URL is the registry's own: same scheme, host and port (RFC 6454)."""
        return _origin(httpx.URL(url)) == self._home

    def _authorized(self, call: Call, deadline: float) -> Answer:
        """Send with what is known of the registry's wishes, and once more if it states a new one."""
        request = self._build(call)
        named = _origin(request.url) == self._home and not call.nameless
        header = self.authorizer.header(call.scope) if named else None
        response = self._once(request, header, deadline)
        if response.status_code == httpx.codes.UNAUTHORIZED and named:
            refusal = _answer(call, response, deadline)
            challenges = parse_challenges(response.headers.get_list("www-authenticate"))
            offer = self.authorizer.answer(challenges, call.scope, refused=header)
            if offer is None:
                return refusal
            response = self._once(request, offer, deadline)
        if call.method in {"GET", "HEAD"}:
            response = self._follow(response, deadline)
        return _answer(call, response, deadline)

    def _build(self, call: Call) -> httpx.Request:
        return self._client.build_request(
            call.method, self._url(call.url), headers=call.headers, content=call.body
        )

    def _url(self, url: str) -> str:
        return self.endpoint.url + url if url.startswith("/") else url

    def _once(self, request: httpx.Request, authorization: str | None, deadline: float) -> httpx.Response:
        if authorization:
            request.headers["Authorization"] = authorization
        request.extensions["seconds"] = max(deadline - time.monotonic(), 0.001)
        start, status = time.perf_counter(), 0
        try:
            response = self._client.send(request, stream=True, auth=None)
            status = response.status_code
        except (httpx.TransportError, httpx.InvalidURL) as error:
            # Only httpx's own: it has read the head of the answer, and its Location leads nowhere.
            raise InvalidAnswer(f"{self.endpoint.name} redirects to what is no URL: {error}") from error
        except CONNECTION_FAILURES as error:
            raise Failed(str(request.url), error) from error
        finally:
            self._observe(Asked(request.method, str(request.url), status, time.perf_counter() - start))
        return response

    def _follow(self, response: httpx.Response, deadline: float) -> httpx.Response:
        """Follow redirects; httpx drops Authorization where one leads to another origin."""
        for _ in range(_REDIRECTS):
            request = response.next_request
            if request is None:
                return response
            _exchange(response).close()
            if self.endpoint.scheme == "https" and request.url.scheme != "https":
                raise InvalidAnswer(f"{self.endpoint.name} redirects from HTTPS to {request.url.scheme}")
            response = self._once(request, None, deadline)
        _exchange(response).close()
        raise InvalidAnswer(f"{self.endpoint.name} redirects more than {_REDIRECTS} times")

    def _fetch_token(self, url: str, *, authorization: str | None, form: dict[str, str] | None) -> dict[str, Any]:
        request = self._client.build_request("POST" if form else "GET", self.absolute(url), data=form)
        call = Call(request.method, url, scope="", subject="a token", repeatable=True)

        def attempt(call: Call, deadline: float) -> Answer:
            return _answer(call, self._once(request, authorization, deadline), deadline)

        answer = self._repeater.run(call, attempt)
        if answer.status in {400, 401, 403}:
            raise Unauthorized(
                f"{request.url.host} gives no token for {self.endpoint.name}: status {answer.status}",
                f"log in: docker login {self.endpoint.name}, or give --username and --password-stdin",
            )
        if not answer.ok:
            raise problem(answer, "a token", request.url.host)
        return answer.json()


def _at_the_end_of(limit: Deadline, cut: Callable[[], None]) -> threading.Timer | None:
    """Have what is stuck cut off a little after the limit; what is at work ends by itself until then."""
    if limit.seconds == math.inf:
        return None
    timer = threading.Timer(limit.remaining + GRACE, cut)
    timer.daemon = True
    timer.start()
    return timer


class _NoCookies(CookieJar):
    """Takes and gives no cookies: no registry needs them, and to look for them takes time with each answer."""

    def extract_cookies(self, response: object, request: object) -> None:
        pass

    def add_cookie_header(self, request: object) -> None:
        pass


class _Transport(httpx.BaseTransport):
    """Lets httpx send over `Connections`; the exchange goes along as an extension of the response."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw]
        outgoing = Outgoing(
            request.method,
            request.url.raw_path.decode("ascii"),
            headers,
            cast("httpx.SyncByteStream", request.stream),
        )
        exchange = self._connections.send(_origin(request.url), outgoing, request.extensions["seconds"])
        return httpx.Response(
            exchange.status,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in exchange.headers],
            stream=_Body(exchange),
            extensions={"exchange": exchange},
        )


class _Body(httpx.SyncByteStream):
    """What httpx holds of a body that is read from the exchange itself."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def close(self) -> None:
        self._exchange.close()


def _exchange(response: httpx.Response) -> Exchange:
    return cast("Exchange", response.extensions["exchange"])


def _origin(url: httpx.URL) -> Origin:
    scheme = url.scheme
    return Origin(scheme, url.host, url.port or (_HTTPS_PORT if scheme == "https" else 80))


def _answer(call: Call, response: httpx.Response, deadline: float) -> Answer:
    exchange = _exchange(response)
    answer = Answer(call.method, str(response.url), response.status_code, response.headers)
    if call.streamed and answer.ok:
        return replace(answer, exchange=exchange)
    try:
        return replace(answer, body=exchange.read(call.limit, deadline))
    except CONNECTION_FAILURES as error:
        raise Failed(answer.url, error) from error
    finally:
        exchange.close()
