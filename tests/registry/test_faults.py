"""What the client makes of registries that misbehave."""

from __future__ import annotations

import socket
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.errors import (
    Denied,
    DigestMismatch,
    InvalidAnswer,
    NotFound,
    RegistryError,
    RegistryUnreachable,
    TooManyRequests,
    Unauthorized,
)
from ducklake_registry.oci import Descriptor, media_types
from ducklake_registry.reference import Digest
from ducklake_registry.registry import Credentials, RegistryClient, Retry
from tests.registry.faults import Faulty, Request, faulty_server
from tests.registry.images import manifest_of
from tests.registry.programs import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = Retry(first_pause=0.01, longest_pause=0.05)
CONTENT = bytes(range(256)) * 12_000
DIGEST = Digest.of(CONTENT)
SECRET = "do not tell"
PASSING = [408, 429, 500, 502, 503, 504]


@pytest.fixture
def server() -> Iterator[Faulty]:
    with faulty_server() as faulty:
        yield faulty


@pytest.fixture
def elsewhere() -> Iterator[Faulty]:
    with faulty_server() as faulty:
        yield faulty


@pytest.fixture
def client(server: Faulty) -> Iterator[RegistryClient]:
    with RegistryClient(server.host, auth=Credentials("dev", SECRET), timeout=5, retry=QUICK) as client:
        yield client


def download(client: RegistryClient, blob: Descriptor | str = DIGEST) -> bytes:
    with client.blob("app", blob) as reader:
        return b"".join(map(bytes, reader))


class TestContent:
    def test_of_a_wrong_digest_is_not_believed(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.reply(200, b"something else")

        reads: list[Callable[[], bytes]] = [lambda: download(client), lambda: client.small_blob("app", DIGEST)]
        for read in reads:
            with pytest.raises(DigestMismatch) as caught:
                read()
            assert DIGEST in caught.value.message
            assert Digest.of(b"something else") in caught.value.message

    def test_of_a_manifest_is_compared_with_both_digests(self, server: Faulty, client: RegistryClient) -> None:
        manifest = manifest_of(b"{}")
        wrong = Digest.of(b"wrong")
        server.behaviour = lambda request: request.reply(200, manifest.raw, Docker_Content_Digest=wrong)

        with pytest.raises(DigestMismatch):
            client.manifest("app", "v1")
        with pytest.raises(DigestMismatch):
            client.manifest("app", wrong)
        assert client.manifest("app", manifest.digest) == manifest

    def test_that_ends_early_is_not_believed(self, server: Faulty, client: RegistryClient) -> None:
        def truncated(request: Request) -> None:
            request.head(200, Content_Length="100")
            request.send(b"x" * 50)
            request.end()

        server.behaviour = truncated

        with pytest.raises(RegistryUnreachable, match=r"ended too early.*tried 5 times"):
            client.small_blob("app", DIGEST)
        with pytest.raises(RegistryUnreachable, match="ended too early"):
            client.tags("app")

    @pytest.mark.parametrize("ranges", [True, False], ids=["with ranges", "without ranges"])
    @pytest.mark.parametrize("ending", [Request.cut, Request.end], ids=["reset", "closed"])
    def test_that_breaks_off_goes_on_where_it_was(
        self, server: Faulty, client: RegistryClient, ranges: bool, ending: Callable[[Request], None]
    ) -> None:
        def piecemeal(request: Request) -> None:
            start = int(request.headers.get("range", "bytes=0-")[6:-1]) if ranges else 0
            rest = CONTENT[start:]
            known = {"Content_Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if start else {}
            request.head(206 if start else 200, Content_Length=str(len(rest)), **known)
            last = len(server.requests) >= 3
            request.send(rest if last else rest[:1_100_000])
            if not last:
                time.sleep(0.05)
                ending(request)

        server.behaviour = piecemeal

        assert download(client) == CONTENT
        assert len(server.requests) == 3

    def test_from_another_range_is_not_taken(self, server: Faulty, client: RegistryClient) -> None:
        def wrong_range(request: Request) -> None:
            if "range" in request.headers:
                request.reply(206, b"?" * 10, Content_Range="bytes 0-9/10")
                return
            request.head(200, Content_Length=str(len(CONTENT)))
            request.send(CONTENT[:1_100_000])
            request.end()

        server.behaviour = wrong_range

        with pytest.raises(InvalidAnswer, match="another range"):
            download(client)

    def test_of_another_size_than_the_manifest_says(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.reply(200, CONTENT)
        huge = Descriptor(media_types.OCI_LAYER, DIGEST, 2**62)

        with pytest.raises(DigestMismatch, match="4,611,686,018,427,387,904 bytes"):
            download(client, huge)

    def test_without_an_end_stops_at_the_size_it_should_have(self, server: Faulty, client: RegistryClient) -> None:
        def endless(request: Request) -> None:
            request.head(200, Transfer_Encoding="chunked")
            while True:
                request.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

        server.behaviour = endless

        with pytest.raises(DigestMismatch, match="larger than"):
            download(client, Descriptor(media_types.OCI_LAYER, DIGEST, 100_000))

    @pytest.mark.parametrize("declared", [True, False])
    def test_of_a_gigabyte_is_no_manifest(self, server: Faulty, client: RegistryClient, declared: bool) -> None:
        sent = 0

        def gigabyte(request: Request) -> None:
            nonlocal sent
            framing = {"Content_Length": str(2**30)} if declared else {"Transfer_Encoding": "chunked"}
            request.head(200, **framing)
            piece = b" " * 0x10000
            for _ in range(2**30 // len(piece)):
                request.send(piece if declared else b"10000\r\n" + piece + b"\r\n")
                sent += len(piece)

        server.behaviour = gigabyte

        with pytest.raises(InvalidAnswer, match="larger than 4,194,304 bytes"):
            client.manifest("app", "v1")
        assert sent < 64 * 1024 * 1024

    def test_that_is_html_is_quoted(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.reply(200, b"<html>Sign in to the guest network</html>")

        with pytest.raises(InvalidAnswer, match="Sign in to the guest network"):
            client.tags("app")
        with pytest.raises(InvalidAnswer):
            client.manifest("app", "v1")

    @pytest.mark.parametrize(
        "body", [b"[]", b'{"tags": "v1"}', b'{"tags": [1]}', b'{"tags": ["../x"]}', b"[" * 10**6]
    )
    def test_that_is_no_list_of_tags(self, server: Faulty, client: RegistryClient, body: bytes) -> None:
        server.behaviour = lambda request: request.reply(200, body)

        with pytest.raises(InvalidAnswer):
            client.tags("app")


class TestLists:
    def test_tags_that_are_null_are_none(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.json({"name": "app", "tags": None})

        assert client.tags("app") == []

    def test_pages_are_followed(self, server: Faulty, client: RegistryClient) -> None:
        server.one_after_another(
            lambda request: request.json({"tags": ["a", "b"]}, Link='</v2/app/tags/list?last=b>; rel="next"'),
            lambda request: request.json({"tags": ["b", "c"]}),
        )

        assert client.tags("app") == ["a", "b", "c"]
        assert server.requests[1].path == "/v2/app/tags/list?last=b"

    def test_a_page_on_another_host_is_not_asked_for(
        self, server: Faulty, client: RegistryClient, elsewhere: Faulty
    ) -> None:
        server.behaviour = lambda request: request.json(
            {"tags": ["a"]}, Link=f'<http://{elsewhere.host}/v2/app/tags/list>; rel="next"'
        )

        with pytest.raises(InvalidAnswer, match="another host"):
            client.tags("app")
        assert elsewhere.requests == []

    def test_a_page_that_follows_itself_ends(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.json({"tags": ["a"]}, Link=f'<{request.path}>; rel="next"')

        with pytest.raises(InvalidAnswer, match="no end"):
            client.tags("app")
        assert len(server.requests) == 1

    def test_pages_without_news_end(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.json(
            {"tags": ["a"]}, Link=f'</v2/app/tags/list?n={len(server.requests)}>; rel="next"'
        )

        with pytest.raises(InvalidAnswer, match="no end"):
            client.tags("app")
        assert len(server.requests) <= 3


class TestRepeats:
    @pytest.mark.parametrize("status", PASSING)
    def test_what_passes_is_waited_out(self, server: Faulty, client: RegistryClient, status: int) -> None:
        failing = lambda request: request.reply(status)  # noqa: E731
        server.one_after_another(failing, failing, lambda request: request.json({"tags": ["v1"]}))

        assert client.tags("app") == ["v1"]
        assert len(server.requests) == 3

    def test_a_cut_connection_is_tried_again(self, server: Faulty, client: RegistryClient) -> None:
        server.one_after_another(Request.cut, Request.end, lambda request: request.json({"tags": ["v1"]}))

        assert client.tags("app") == ["v1"]

    @pytest.mark.parametrize("as_date", [False, True])
    def test_the_registry_says_how_long_to_wait(
        self, server: Faulty, client: RegistryClient, as_date: bool
    ) -> None:
        # A date has whole seconds, so up to one of the two is over when it is written.
        after = formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        server.one_after_another(
            lambda request: request.reply(429, Retry_After=after), lambda request: request.json({"tags": []})
        )
        start = time.monotonic()

        client.tags("app")

        assert 0.8 < time.monotonic() - start < 4

    def test_a_wait_longer_than_the_time_limit_is_not_begun(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.error(429, "TOOMANYREQUESTS", "quota", Retry_After="3600")
        start = time.monotonic()

        with pytest.raises(TooManyRequests, match="quota"):
            client.tags("app")

        assert time.monotonic() - start < 2
        assert len(server.requests) == 1

    @pytest.mark.parametrize("status", PASSING)
    def test_the_error_at_the_end_says_how_often_it_was_tried(
        self, server: Faulty, client: RegistryClient, status: int
    ) -> None:
        server.behaviour = lambda request: request.reply(status, b"out to lunch")

        with pytest.raises(RegistryError, match=r"\(tried 5 times\).*out to lunch"):
            client.tags("app")
        assert len(server.requests) == 5

    def test_what_does_not_pass_is_not_repeated(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.error(403, "DENIED", "not yours")

        with pytest.raises(Denied, match=r"not yours \(DENIED\)"):
            client.tags("app")
        assert len(server.requests) == 1

    def test_a_delete_whose_answer_was_lost_is_done(self, server: Faulty, client: RegistryClient) -> None:
        server.one_after_another(Request.cut, lambda request: request.error(404, "MANIFEST_UNKNOWN"))

        client.delete_manifest("app", DIGEST)

    def test_a_body_that_trickles_meets_the_time_limit(self, server: Faulty) -> None:
        def trickle(request: Request) -> None:
            request.head(200, Content_Length="1000")
            for _ in range(200):
                request.send(b" ")
                time.sleep(0.05)

        server.behaviour = trickle
        start = time.monotonic()

        with (
            RegistryClient(server.host, timeout=0.5, auth=None) as client,
            pytest.raises(RegistryUnreachable, match="in time"),
        ):
            client.tags("app")
        assert time.monotonic() - start < 2

    def test_what_a_redirect_leads_to_is_blamed_for_itself(self, server: Faulty, client: RegistryClient) -> None:
        gone = f"localhost:{free_port()}"
        server.behaviour = lambda request: request.reply(307, Location=f"http://{gone}/store?signature=x")

        reads: list[Callable[[], object]] = [lambda: download(client), lambda: client.small_blob("app", DIGEST)]
        for read in reads:
            with pytest.raises(RegistryUnreachable) as caught:
                read()
            assert caught.value.message == (
                f"cannot reach {gone} (sent there by {server.host}) at http://{gone}: Connection refused"
                " (tried 5 times)"
            )
            assert "reached from here" in (caught.value.hint or "")

    def test_what_breaks_off_there_too(self, server: Faulty, client: RegistryClient, elsewhere: Faulty) -> None:
        def half(request: Request) -> None:
            request.head(200, Content_Length="100")
            request.end()

        server.behaviour = lambda request: request.reply(307, Location=f"http://{elsewhere.host}/store")
        elsewhere.behaviour = half

        reads: list[Callable[[], object]] = [lambda: download(client), lambda: client.small_blob("app", DIGEST)]
        for read in reads:
            with pytest.raises(RegistryUnreachable, match=rf"{elsewhere.host} \(sent there by {server.host}\)"):
                read()

    def test_a_name_that_a_redirect_leads_to_is_not_the_users(
        self, server: Faulty, client: RegistryClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def resolve(host: str, *rest: object, **named: object) -> Any:
            if host == "minio.internal":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return known(host, *rest, **named)

        known: Any = socket.getaddrinfo
        # A machine without a name server, like one for tests, knows no name to be wrong.
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        server.behaviour = lambda request: request.reply(307, Location="http://minio.internal/store")

        with pytest.raises(RegistryUnreachable, match=r"'minio\.internal', but .* sends there") as caught:
            download(client)
        assert caught.value.exit_code == 4

    def test_silence_meets_the_time_limit(self, server: Faulty) -> None:
        server.behaviour = lambda _: time.sleep(3)
        start = time.monotonic()

        with (
            RegistryClient(server.host, timeout=0.5, auth=None) as client,
            pytest.raises(RegistryUnreachable, match="in time"),
        ):
            client.ping()
        assert time.monotonic() - start < 2


class TestCredentials:
    """They go to the registry that asked, and to nobody else."""

    def basic(self, then: Callable[[Request], None]) -> Callable[[Request], None]:
        def behave(request: Request) -> None:
            if "authorization" in request.headers:
                then(request)
            else:
                request.reply(401, WWW_Authenticate='Basic realm="here"')

        return behave

    def test_stay_when_a_blob_is_elsewhere(
        self, server: Faulty, client: RegistryClient, elsewhere: Faulty
    ) -> None:
        server.behaviour = self.basic(
            lambda request: request.reply(307, Location=f"http://{elsewhere.host}/store?signature=x")
        )
        elsewhere.behaviour = lambda request: request.reply(200, CONTENT)

        assert download(client) == CONTENT
        assert "authorization" in server.requests[-1].headers
        assert [request.headers.get("authorization") for request in elsewhere.requests] == [None]

    def test_stay_when_the_other_host_asks_for_them(
        self, server: Faulty, client: RegistryClient, elsewhere: Faulty
    ) -> None:
        server.behaviour = self.basic(lambda request: request.reply(307, Location=f"http://{elsewhere.host}/"))
        elsewhere.behaviour = lambda request: request.reply(401, WWW_Authenticate='Basic realm="phishing"')

        with pytest.raises(Unauthorized):
            download(client)
        assert [request.headers.get("authorization") for request in elsewhere.requests] == [None]

    def test_stay_when_an_upload_goes_elsewhere(
        self, server: Faulty, client: RegistryClient, elsewhere: Faulty
    ) -> None:
        def behave(request: Request) -> None:
            if request.method == "HEAD":
                request.reply(404)
            else:
                request.reply(202, Location=f"http://{elsewhere.host}/upload?state=x")

        server.behaviour = self.basic(behave)
        elsewhere.behaviour = lambda request: request.reply(201)

        client.upload_blob("app", b"content")

        [request] = elsewhere.requests
        assert (request.body, request.headers.get("authorization")) == (b"content", None)

    def test_are_in_no_error(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = self.basic(lambda request: request.error(403, "DENIED"))

        with pytest.raises(Denied) as caught:
            client.tags("app")
        error: BaseException | None = caught.value
        while error:
            assert SECRET not in f"{error!r}{error.__dict__}"
            error = error.__cause__ or error.__context__

    def test_are_in_no_log(self, server: Faulty, client: RegistryClient, caplog: pytest.LogCaptureFixture) -> None:
        server.behaviour = self.basic(lambda request: request.json({"tags": []}))
        header = Credentials("dev", SECRET).basic

        with caplog.at_level("DEBUG"):
            client.tags("app")
        assert server.requests[-1].headers["authorization"] == header
        assert SECRET not in caplog.text
        assert header not in caplog.text

    def test_do_not_go_to_a_token_server_in_the_clear(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.reply(
            401, WWW_Authenticate='Bearer realm="ftp://example.com/token",service="x"'
        )

        with pytest.raises(Unauthorized, match="not HTTPS"):
            client.tags("app")

    def test_endless_redirects_end(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.reply(307, Location=f"{request.path}x")

        with pytest.raises(InvalidAnswer, match="redirects more than 5 times"):
            download(client)

    @pytest.mark.parametrize("location", ["http://[", "file:///etc/passwd", "//", "http://host:port/"])
    def test_a_redirect_to_nowhere(self, server: Faulty, client: RegistryClient, location: str) -> None:
        server.behaviour = lambda request: request.reply(307, Location=location)

        with pytest.raises(RegistryError):
            download(client)


class UploadingRegistry:
    """An upload endpoint that keeps what it gets and can fail in the middle."""

    def __init__(self, breaks: int, *, forgets: bool = False) -> None:
        self.content = b""
        self.breaks = breaks
        self.forgets = forgets
        self.done = False

    def __call__(self, request: Request) -> None:
        getattr(self, request.method.lower())(request)

    def head(self, request: Request) -> None:
        request.reply(200 if self.done else 404)

    def post(self, request: Request) -> None:
        self.content = b""
        self.reply(request)

    def patch(self, request: Request) -> None:
        start = int(request.headers.get("content-range", "0-").partition("-")[0])
        if start != len(self.content):
            request.reply(416)
        elif self.breaks:
            self.breaks -= 1
            self.content += request.body[: len(request.body) // 2]
            request.cut()
        else:
            self.content += request.body
            self.reply(request)

    def get(self, request: Request) -> None:
        if self.forgets:
            self.forgets = False
            request.error(404, "BLOB_UPLOAD_UNKNOWN")
        else:
            self.reply(request, 204)

    def put(self, request: Request) -> None:
        self.content += request.body
        self.done = Digest.of(self.content) in request.path
        request.reply(201 if self.done else 400)

    def reply(self, request: Request, status: int = 202) -> None:
        location = f"/v2/app/blobs/uploads/1?at={len(self.content)}"
        request.reply(status, Location=location, Range=f"0-{max(len(self.content) - 1, 0)}")


class TestUploads:
    @pytest.mark.parametrize("chunk", [None, 500_000])
    @pytest.mark.parametrize("forgets", [False, True])
    def test_go_on_where_they_broke(
        self, server: Faulty, client: RegistryClient, chunk: int | None, forgets: bool
    ) -> None:
        registry = UploadingRegistry(breaks=3, forgets=forgets)
        server.behaviour = registry

        client.upload_blob("app", CONTENT, chunk=chunk)

        assert registry.done
        assert registry.content == CONTENT

    def test_give_up_after_some_time(self, server: Faulty, client: RegistryClient) -> None:
        def behave(request: Request) -> None:
            {"HEAD": lambda: request.reply(404), "POST": lambda: request.reply(202, Location="/up")}.get(
                request.method, request.cut
            )()

        server.behaviour = behave

        with pytest.raises(RegistryUnreachable, match="tried 5 times"):
            client.upload_blob("app", CONTENT)

    def test_whose_closing_answer_was_lost_are_done(self, server: Faulty, client: RegistryClient) -> None:
        registry = UploadingRegistry(breaks=0)

        def behave(request: Request) -> None:
            if request.method == "PUT" and not registry.done:
                registry.done = True
                request.cut()
            elif request.method == "PUT":
                request.error(404, "BLOB_UPLOAD_UNKNOWN")
            else:
                registry(request)

        server.behaviour = behave

        client.upload_blob("app", CONTENT)

        assert registry.content == CONTENT

    def test_without_a_place_to_go(self, server: Faulty, client: RegistryClient) -> None:
        server.behaviour = lambda request: request.reply(404 if request.method == "HEAD" else 202)

        with pytest.raises(InvalidAnswer, match="where to upload"):
            client.upload_blob("app", CONTENT)


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (404, "BLOB_UNKNOWN", "push it again"),
        (400, "BLOB_UPLOAD_INVALID", "try again"),
        (404, "BLOB_UPLOAD_UNKNOWN", "try again"),
        (400, "DIGEST_INVALID", "try again"),
        (404, "MANIFEST_BLOB_UNKNOWN", "push the image's blobs before"),
        (400, "MANIFEST_INVALID", "build the image anew"),
        (404, "MANIFEST_UNKNOWN", "dlr list-registry-images"),
        (400, "NAME_INVALID", "lowercase"),
        (404, "NAME_UNKNOWN", "dlr list-registry-images"),
        (400, "SIZE_INVALID", "try again"),
        (401, "UNAUTHORIZED", "docker login"),
        (400, "UNAUTHORIZED", "docker login"),
        (403, "DENIED", "docker login"),
        (400, "DENIED", "docker login"),
        (405, "UNSUPPORTED", "dlr test-registry"),
        (400, "UNSUPPORTED", "dlr test-registry"),
        (429, "TOOMANYREQUESTS", "try later"),
        # And distribution's own.
        (400, "MANIFEST_UNVERIFIED", "push the image anew"),
        (400, "PAGINATION_NUMBER_INVALID", "catalog.maxentries"),
        (416, "RANGE_INVALID", "try again"),
        (400, "TAG_INVALID", "another one than in the request"),
        (503, "UNAVAILABLE", "dlr registry-status"),
        (500, "UNKNOWN", "dlr logs"),
    ],
)
def test_every_code_has_a_hint(
    server: Faulty, client: RegistryClient, status: int, code: str, advice: str
) -> None:
    server.behaviour = lambda request: request.error(status, code, Allow="GET")

    with pytest.raises(RegistryError) as caught:
        client.manifest("app", "v1")

    assert f"told to ({code})" in caught.value.message
    assert advice in (caught.value.hint or "")


def test_codes_become_words_with_what_to_do(server: Faulty, client: RegistryClient) -> None:
    server.behaviour = lambda request: request.error(404, "MANIFEST_UNKNOWN", "manifest unknown")

    with pytest.raises(NotFound, match=r"app:v1: manifest unknown \(MANIFEST_UNKNOWN\)") as caught:
        client.manifest("app", "v1")
    assert "dlr list-registry-images" in (caught.value.hint or "")
