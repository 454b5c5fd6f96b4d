"""Which faults are tried again, how often, and what is told in the end."""

from __future__ import annotations

import socket
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.errors import (
    Denied,
    RegistryError,
    RegistryUnreachable,
    TooManyRequests,
)
from ducklake_registry.registry import RegistryClient
from tests.registry.faults import Faulty, Request
from tests.registry.misbehaving.conftest import DIGEST, download
from tests.registry.programs import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

PASSING = [408, 429, 500, 502, 503, 504]


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
