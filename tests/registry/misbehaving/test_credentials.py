"""Who gets to see the credentials of a registry that sends people elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import (
    Denied,
    InvalidAnswer,
    RegistryError,
    Unauthorized,
)
from ducklake_registry.registry import Credentials, RegistryClient
from tests.registry.misbehaving.conftest import CONTENT, SECRET, download

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.registry.faults import Faulty, Request


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
