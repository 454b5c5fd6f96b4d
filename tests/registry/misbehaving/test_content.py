"""What the client makes of content and lists that are not what they should be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import (
    DigestMismatch,
    InvalidAnswer,
    RegistryUnreachable,
)
from ducklake_registry.oci import Descriptor, media_types
from ducklake_registry.reference import Digest
from tests.registry.faults import Faulty, Request
from tests.registry.images import manifest_of
from tests.registry.misbehaving.conftest import CONTENT, DIGEST, download

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.registry import RegistryClient


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
