"""The limit of everything: what drips, stalls or never ends is given up, and what was seen last is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.errors import TimeoutExpired
from ducklake_registry.layout import InMemory
from ducklake_registry.reference import Digest, Reference, Repository, Tag
from ducklake_registry.registry import RegistryClient, WantedManifest, save
from ducklake_registry.waiting import Deadline, NotYet, wait_for
from tests.acceptance.proxy import behind
from tests.registry.command import Command
from tests.registry.images import manifest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ducklake_registry.oci import Manifest
    from tests.registry.faults import Faulty, Request
    from tests.registry.programs import RunningRegistry

CONTENT = bytes(range(256)) * 4_000
DIGEST = Digest.of(CONTENT)
AT_ONCE = 300_000
LIMIT = 1.0
# Beyond the limit: what is stuck is cut off a second later, and an upload is taken back.
MUCH_LATER = LIMIT + 5


def drip(request: Request, content: bytes, seconds: float = 0.02) -> None:
    """Send a good part of what is asked for, and the rest byte by byte."""
    start = int(request.headers.get("range", "bytes=0-")[6:-1])
    known = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    request.head(206 if start else 200, Content_Length=str(len(content) - start), **known)
    request.send(content[start : start + AT_ONCE])
    for position in range(start + AT_ONCE, len(content)):
        time.sleep(seconds)
        request.send(content[position : position + 1])


@pytest.fixture
def client(proxy: Faulty) -> Iterator[RegistryClient]:
    with RegistryClient(proxy.host, auth=None, timeout=30, time_limit=LIMIT) as client:
        yield client


class Ending:
    """The block ends with TimeoutExpired, and soon after the limit."""

    def __enter__(self) -> Ending:
        self.start, self.raises = time.monotonic(), pytest.raises(TimeoutExpired)
        self.caught = self.raises.__enter__()
        return self

    def __exit__(self, *error: Any) -> bool:
        swallowed = self.raises.__exit__(*error)
        assert time.monotonic() - self.start < MUCH_LATER
        self.message = self.caught.value.message
        assert self.message.startswith("the time limit of 1s is over; last seen: ")
        assert "--timeout" in (self.caught.value.hint or "")
        return swallowed


class TestDownloads:
    def test_that_drip_end(self, proxy: Faulty, client: RegistryClient) -> None:
        proxy.behaviour = lambda request: drip(request, CONTENT)

        with Ending() as ending, client.blob("app", DIGEST) as blob:
            list(blob)
        assert len(proxy.requests) == 1
        bytes_, _, place = ending.message.removeprefix("the time limit of 1s is over; last seen: ").partition(" ")
        assert AT_ONCE <= int(bytes_.replace(",", "")) < AT_ONCE + 1000
        assert place == f"of {len(CONTENT):,} bytes of {proxy.host}/app@{DIGEST}"

    def test_without_a_limit_last_as_long_as_they_do(self, proxy: Faulty) -> None:
        """What the other limit is for is each silence, however many there are."""
        proxy.behaviour = lambda request: drip(request, CONTENT[: AT_ONCE + 15], 0.1)

        with RegistryClient(proxy.host, auth=None, timeout=0.8) as client:
            start = time.monotonic()
            with client.blob("app", Digest.of(CONTENT[: AT_ONCE + 15])) as blob:
                assert sum(map(len, blob)) == AT_ONCE + 15
        assert time.monotonic() - start > 1.4

    def test_that_break_off_again_and_again_end(self, proxy: Faulty, client: RegistryClient) -> None:
        """Each time a little comes, so that there are always more tries."""

        def break_off(request: Request) -> None:
            start = int(request.headers.get("range", "bytes=0-")[6:-1])
            whole = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            request.head(206 if start else 200, Content_Length=str(len(CONTENT) - start), Content_Range=whole)
            request.send(CONTENT[start : start + 100])
            request.end()

        proxy.behaviour = break_off

        with Ending() as ending, client.blob("app", DIGEST) as blob:
            list(blob)
        assert f"bytes of {proxy.host}/app@" in ending.message


class TestAnswers:
    @pytest.mark.parametrize("place", ["head", "body", "silence"])
    def test_that_never_end_are_given_up(self, proxy: Faulty, client: RegistryClient, place: str) -> None:
        def stall(request: Request) -> None:
            if place == "silence":
                time.sleep(MUCH_LATER)
            if place == "body":
                request.head(200, Content_Length="1000000")
            for _ in range(500):
                request.send(b"x")
                time.sleep(0.02)

        proxy.behaviour = stall

        with Ending() as ending:
            client.tags("app")
        assert ending.message.endswith(f"the tags of {proxy.host}/app was still without a whole answer")

    def test_many_at_once_too(self, proxy: Faulty, client: RegistryClient) -> None:
        proxy.behaviour = lambda _: time.sleep(MUCH_LATER)
        name = Repository("app")

        with Ending():
            list(client.manifests_of((number, WantedManifest(name, Tag(f"v{number}"))) for number in range(50)))

    def test_what_comes_after_is_not_begun(self, proxy: Faulty, client: RegistryClient) -> None:
        proxy.behaviour = lambda request: request.json({"tags": ["v1"]})
        assert client.tags("app") == ["v1"]
        time.sleep(LIMIT)
        name = Repository("app")

        for ask in (
            lambda: client.tags("app"),
            lambda: client.upload_blob("app", b"content"),
            lambda: list(client.tags_of([name])),
        ):
            with pytest.raises(TimeoutExpired, match="had not been begun"):
                ask()
        assert len(proxy.requests) == 1
        with client.another() as again:
            assert again.tags("app") == ["v1"], "another client's time begins anew"


class TestUploads:
    CONTENT = bytes(5_000_000)

    def receive(self, request: Request) -> None:
        """Take an upload, but never say so."""
        match request.method:
            case "HEAD":
                request.reply(404)
            case "POST":
                request.reply(202, Location="/v2/app/blobs/uploads/one")
            case "PATCH":
                time.sleep(MUCH_LATER)
            case "DELETE":
                request.reply(204)

    def test_whose_answer_does_not_come_are_taken_back(self, proxy: Faulty, client: RegistryClient) -> None:
        proxy.behaviour = self.receive

        with Ending() as ending:
            client.upload_blob("app", self.CONTENT)
        assert ending.message.endswith("was still without a whole answer")
        assert [each.method for each in proxy.requests] == ["HEAD", "POST", "PATCH", "DELETE"]

    def test_that_take_too_long_are_taken_back(self, proxy: Faulty, client: RegistryClient) -> None:
        proxy.behaviour = self.receive

        class Slow(InMemory):
            def pieces(self, start: int, end: int) -> Iterator[memoryview]:
                for position in range(start, end, 50_000):
                    time.sleep(0.05)
                    yield memoryview(self.content)[position : min(position + 50_000, end)]

        with Ending() as ending:
            client.upload_blob("app", Slow(self.CONTENT), Digest.of(self.CONTENT))
        assert f" of 5,000,000 bytes of {proxy.host}/app@" in ending.message
        assert ending.message.endswith("sent")
        # The server notes a request when it has read it, and of the broken one it learns late.
        wait_for("the broken request", lambda: len(proxy.requests) == 4 or NotYet("not noted"), Deadline(20))
        assert sorted(each.method for each in proxy.requests) == ["DELETE", "HEAD", "PATCH", "POST"]


@pytest.mark.registry
class TestCommands:
    @pytest.fixture
    def image(self, newest: RunningRegistry, proxy: Faulty, repository: str) -> Manifest:
        """An image in a registry that sends its one layer drop by drop."""
        config = b'{"rootfs": {"type": "layers", "diff_ids": ["%s"]}}' % DIGEST.encode()
        image = manifest_of(config, CONTENT)
        with newest.client() as client:
            client.upload_blob(repository, config)
            client.upload_blob(repository, CONTENT)
            client.put_manifest(repository, "v1", image)
        relayed = behind(newest.host)

        def behave(request: Request) -> None:
            if request.method == "GET" and request.path.endswith(DIGEST):
                drip(request, CONTENT)
            else:
                relayed(request)

        proxy.behaviour = behave
        return image

    @pytest.fixture
    def dlr(self, proxy: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
        monkeypatch.chdir(tmp_path)
        return Command(proxy.host, {"HOME": str(tmp_path), "COLUMNS": "200"})

    @pytest.mark.parametrize("target", ["image.tar", "layout"])
    def test_save_ends_and_goes_on_when_run_again(
        self, proxy: Faulty, newest: RunningRegistry, dlr: Command, image: Manifest, repository: str, target: str
    ) -> None:
        start = time.monotonic()
        done = dlr("save", f"{repository}:v1", target, "--timeout", "2s", code=6)  # a busy machine is late

        assert time.monotonic() - start < MUCH_LATER
        assert f" of {len(CONTENT):,} bytes of {proxy.host}/{repository}@{DIGEST}" in done.stderr
        assert "run it again: what is there by now is not moved again" in done.stderr
        assert done.stdout == ""
        proxy.requests.clear()
        proxy.behaviour = behind(newest.host)
        assert dlr("save", f"{repository}:v1", target).stdout == f"{image.digest}\n"
        [rest] = [each for each in proxy.requests if each.path.endswith(DIGEST)]
        assert int(rest.headers["range"][6:-1]) >= AT_ONCE

    def test_load_ends(
        self,
        proxy: Faulty,
        newest: RunningRegistry,
        dlr: Command,
        image: Manifest,  # noqa: ARG002 - it is there
        repository: str,
        tmp_path: Path,
    ) -> None:
        with newest.client() as client:
            save(client, Reference.parse(f"{newest.host}/{repository}:v1"), tmp_path / "image.tar")
        relayed = behind(newest.host)
        proxy.behaviour = lambda request: (
            time.sleep(MUCH_LATER) if request.method in {"PATCH", "PUT"} else relayed(request)
        )

        start = time.monotonic()
        done = dlr("load", "image.tar", f"{repository}/copy:v1", "--timeout", "1s", code=6)

        assert time.monotonic() - start < MUCH_LATER
        assert "error: the time limit of 1s is over; last seen: " in done.stderr
        assert "--timeout" in done.stderr
