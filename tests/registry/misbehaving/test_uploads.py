"""Uploads that break, and where they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import (
    InvalidAnswer,
    RegistryUnreachable,
)
from ducklake_registry.reference import Digest
from tests.registry.misbehaving.conftest import CONTENT

if TYPE_CHECKING:
    from ducklake_registry.registry import RegistryClient
    from tests.registry.faults import Faulty, Request


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
