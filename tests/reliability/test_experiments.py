"""The experiments notice what they are there for: each is shown a fault of its kind, made on purpose."""

from __future__ import annotations

import hashlib
import json
import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.registry import RegistryClient
from tests.registry import programs
from tests.reliability import fuzz as fuzzing
from tests.reliability import operations, page
from tests.reliability.experiment import Lost, Outcome, Plan
from tests.reliability.mutations import broken
from tests.reliability.results import EXPERIMENTS, Chunk, Result, Series, chunks
from tests.reliability.site import Ended, Site, site
from tests.reliability.world import Answered, Asked, World, resealed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.registry


def sealed(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def world() -> World:
    config = b'{"os": "linux"}'
    manifest = json.dumps({"config": {"digest": sealed(config), "size": len(config)}}).encode()
    found = {}
    for target, body in (("/blobs/", config), ("/manifests/", manifest)):
        headers = (("Docker-Content-Digest", sealed(body)),)
        found[Asked("GET", target + sealed(body))] = Answered(200, headers, body)
    found[Asked("GET", "/manifests/v1")] = found[Asked("GET", f"/manifests/{sealed(manifest)}")]
    return found


def test_changed_content_is_consistent_again() -> None:
    old = world()
    blob = next(asked for asked in old if "blobs" in asked.target)

    new = resealed(old, blob, b'{"os": null}')

    top = new[Asked("GET", "/manifests/v1")]
    assert top.digest == sealed(top.body)
    named = json.loads(top.body)["config"]["digest"]
    assert new[Asked("GET", f"/blobs/{named}")].body == b'{"os": null}'
    assert new[Asked("GET", f"/manifests/{top.digest}")] == top


def test_a_case_is_the_same_each_time() -> None:
    targets = tuple(world())

    def made(number: int) -> object:
        found = broken(world(), targets, Random(f"1/{number}"))
        return found.world, found.raw

    assert [made(number) for number in range(50)] == [made(number) for number in range(50)]
    assert sum(made(number) != made(number + 1) for number in range(50)) > 45


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    if programs.find_program("3.1") is None:
        pytest.skip("no program of distribution 3.1 here")
    with site(tmp_path) as place:
        operations.fill(place, Random(1))
        yield place


def test_an_image_that_is_half_there_is_noticed(place: Site) -> None:
    assert place.image_in_registry(operations.IMAGE, "v1")
    assert place.image_in_registry(operations.IMAGE, "v2") == ""
    storage = place.registry.configured.registry.storage
    largest = max(storage.rglob("data"), key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1])

    with pytest.raises(Lost):
        place.image_in_registry(operations.IMAGE, "v1")


@pytest.mark.parametrize("archive", [False, True])
def test_files_that_are_half_there_are_noticed(place: Site, tmp_path: Path, archive: bool) -> None:
    save = operations.save(place, "saved", Random(1), archive=archive)
    ended = place.dlr(*save.words)
    save.check(ended)
    target = tmp_path / ("saved.tar" if archive else "saved")
    file = target if archive else max(target.rglob("*"), key=lambda file: file.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(Lost):
        save.check(ended)
    with pytest.raises(Lost):
        save.check_half()


@pytest.mark.parametrize(
    "ended",
    [
        Ended(1, "", "Traceback (most recent call last):\n  …\nerror: no\n"),
        Ended(4, "", ""),
        Ended(4, "", "error: one\nerror: two\n"),
        Ended(4, "", "error: one\nand more\n"),
        Ended(2, "", "error: one\n"),
        Ended(-11, "", "error: one\n"),
    ],
)
def test_an_end_that_is_not_clear_is_noticed(ended: Ended) -> None:
    with pytest.raises(AssertionError):
        ended.check_told()


def test_a_clear_end_is_one() -> None:
    Ended(4, "", "… reading\nerror: cannot reach it\nhint: try later\n").check_told()
    Ended(1, "app v1\n  ✗ not there\n", "").check_told()


def bug(_: RegistryClient) -> None:
    raise ValueError("a bug")


def hang(_: RegistryClient) -> None:
    time.sleep(3)


@pytest.mark.parametrize(("verb", "told"), [(bug, "ValueError: a bug"), (hang, "hangs")])
def test_a_bug_and_a_hang_are_noticed(
    verb: object, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once what is well has been recorded."""
    calls: list[int] = []

    def ping(client: RegistryClient) -> object:
        calls.append(1)
        return RegistryClient.ping(client) if len(calls) == 1 else verb(client)  # type: ignore[operator]

    monkeypatch.setattr(fuzzing, "_LIMIT", 1.0)
    monkeypatch.setattr(fuzzing, "COMMANDS", ())
    monkeypatch.setattr(fuzzing, "_VERBS", {"ping": ping})

    def enough(_: int) -> None:
        raise KeyboardInterrupt

    outcome = Outcome(1)
    monkeypatch.setattr(fuzzing, "Outcome", lambda _: outcome)
    with pytest.raises(KeyboardInterrupt):
        fuzzing.fuzz(Plan(1, 1, tmp_path, enough))

    assert told in outcome.failures[0]


def test_a_series_is_kept_in_pieces(tmp_path: Path) -> None:
    names = [chunk for name, each in EXPERIMENTS.items() for chunk in chunks(name, each.count)]
    assert len(set(names)) == len(names)
    assert sum(chunk.count for chunk in names if chunk.experiment == "fuzz") == 100_000
    assert sum(chunk.count for chunk in names if chunk.experiment == "cuts") == 1000

    file = tmp_path / "kept.json"
    first, second = Chunk("cuts", 0, 2), Chunk("cuts", 2, 1)
    outcome = Outcome(5)
    outcome.tally.update(["one clear error", "went on"])
    Series.read(file).add(Result.of(first, outcome))
    Series.read(file).add(Result.of(second, Outcome(5, lost=["cut 5/2, save: it is | gone"])))

    series = Series.read(file)
    assert series.has(first, 5)
    assert not series.has(first, 6)
    text = page.page(series)
    assert "| 3, a part of 1,000 | 1 | 0 |" in text
    assert "| one clear error | 1 |" in text
    assert "it is | gone" in text
