"""Tokens that end: by what the token server said of them, or by what the registry finds in them."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import Unauthorized
from ducklake_registry.layout import InMemory
from ducklake_registry.oci import Manifest
from ducklake_registry.reference import Digest, Repository, Tag
from ducklake_registry.registry import Asked, Credentials, Uploaded, WantedManifest
from tests.registry.images import push_image
from tests.registry.programs import PASSWORD, USER
from tests.registry.token_server import IDENTITY_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.registry.programs import RunningRegistry
    from tests.registry.token_server import TokenServer

pytestmark = pytest.mark.registry

DEV = Credentials(USER, PASSWORD)
# Both releases take a token for so many seconds after its end.
LEEWAY = 60
REFUSED = 401


class Clock:
    """What the client's clock shows can be moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        shown = SimpleNamespace(monotonic=lambda: time.monotonic() + self.ahead)
        monkeypatch.setattr("ducklake_registry.registry.authorization.time", shown)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def end(asked: TokenServer) -> Callable[[], None]:
    """The next tokens are refused a few seconds after they were given, though they are said to hold for long.

    What this returns waits until they are; those that are given from then on are good.
    """
    asked.seconds, asked.stated = 3 - LEEWAY, 3600

    def wait() -> None:
        time.sleep(3.1)
        asked.seconds = 300

    return wait


class TestBySaying:
    @pytest.mark.parametrize(
        "auth", [DEV, Credentials(identity_token=IDENTITY_TOKEN)], ids=["password", "identity"]
    )
    def test_it_is_renewed_before_it_is_used(
        self, with_tokens: RunningRegistry, asked: TokenServer, clock: Clock, repository: str, auth: Credentials
    ) -> None:
        asked.seconds = 100
        statuses: list[int] = []
        with with_tokens.client(auth=auth, observe=lambda each: statuses.append(each.status)) as client:
            push_image(client, repository, "v1")
            asked.requests.clear()
            counts = []
            for clock.ahead in (0, 90, 97, 97 + 90, 97 + 97):
                assert client.tags(repository) == ["v1"]
                counts.append(len(asked.requests))

        assert counts == [1, 1, 2, 2, 3]
        assert set(asked.requests) == {(USER, (f"repository:{repository}:pull",))}
        assert statuses.count(REFUSED) == 1, "but for the first request of all, nobody had to be told"

    @pytest.mark.parametrize("stated", [1, 59, 60])
    def test_none_holds_for_less_than_a_minute(
        self, with_tokens: RunningRegistry, asked: TokenServer, clock: Clock, repository: str, stated: int
    ) -> None:
        """ "For compatibility with older clients, a token should never be returned with less"."""
        asked.stated = stated
        with with_tokens.client(auth=DEV) as client:
            push_image(client, repository, "v1")
            asked.requests.clear()
            counts = []
            for clock.ahead in (0, 50, 57):
                client.tags(repository)
                counts.append(len(asked.requests))

        assert counts == [1, 1, 2]


class TestByTheRegistry:
    def test_it_is_renewed_in_the_midst_of_a_listing(
        self, with_tokens: RunningRegistry, asked: TokenServer, end: Callable[[], None], repository: str
    ) -> None:
        asked.seconds = 300
        with with_tokens.client(auth=DEV) as client:
            manifest = push_image(client, repository, "v1")
            client.put_manifest(repository, "v2", manifest)
        asked.requests.clear()
        asked.seconds = 3 - LEEWAY
        asks: list[Asked] = []

        with with_tokens.client(auth=DEV, observe=asks.append) as client:
            first, second = client.tags(repository)
            assert client.manifest(repository, first) == manifest
            end()
            assert client.manifest(repository, second) == manifest
            assert client.small_blob(repository, manifest.config)

        assert asked.requests == [(USER, (f"repository:{repository}:pull",))] * 2
        assert [each.status for each in asks if "/v2/" in each.url] == [REFUSED, 200, 200, REFUSED, 200, 200]

    def test_it_is_renewed_once_for_many_requests_in_flight(
        self, with_tokens: RunningRegistry, asked: TokenServer, end: Callable[[], None], repository: str
    ) -> None:
        asked.seconds = 300
        tags = [f"v{number}" for number in range(200)]
        with with_tokens.client(auth=DEV) as client:
            manifest = push_image(client, repository, tags[0])
            for tag in tags[1:]:
                client.put_manifest(repository, tag, manifest)
        asked.requests.clear()
        asked.seconds = 3 - LEEWAY

        with with_tokens.client(auth=DEV) as client:
            name = Repository(repository)
            found = client.manifests_of((tag, WantedManifest(name, Tag(tag))) for tag in tags)
            got = [next(found)]
            end()
            got += found

        assert [tag for tag, _ in got] == tags
        assert {each.digest if isinstance(each, Manifest) else each for _, each in got} == {manifest.digest}
        assert asked.requests == [(USER, (f"repository:{repository}:pull",))] * 2

    @pytest.mark.parametrize("chunk", [None, 1_000_000], ids=["one request", "chunks"])
    def test_it_is_renewed_in_the_midst_of_an_upload(
        self,
        with_tokens: RunningRegistry,
        asked: TokenServer,
        end: Callable[[], None],
        repository: str,
        chunk: int | None,
    ) -> None:
        content = bytes(range(256)) * 12_000
        ended = False

        def progress(done: int) -> None:
            nonlocal ended
            if done >= 1_000_000 and not ended:
                ended = True
                end()

        with with_tokens.client(auth=DEV) as client:
            made = client.upload_blob(
                repository, InMemory(content), Digest.of(content), chunk=chunk, progress=progress
            )
            assert ended
            assert made is Uploaded.SENT
            assert asked.requests == [(USER, (f"repository:{repository}:pull,push",))] * 2
            assert client.small_blob(repository, Digest.of(content)) == content

    def test_one_that_never_held_is_not_asked_for_again_and_again(
        self, with_tokens: RunningRegistry, asked: TokenServer, repository: str
    ) -> None:
        """As where the clocks of the two differ by an hour."""
        asked.seconds, asked.stated = -3600, 300
        scope = (USER, (f"repository:{repository}:pull",))

        with with_tokens.client(auth=DEV) as client:
            for count in (1, 2):
                with pytest.raises(Unauthorized):
                    client.tags(repository)
                assert asked.requests == [scope] * count
