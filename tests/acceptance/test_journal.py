"""What a run could not remove, the next one does: exactly that, and not while the other is at work."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.acceptance import runner
from ducklake_registry.acceptance.baseline import Baseline
from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.context import IMAGES, Context, Limits, working_with
from ducklake_registry.registry import RegistryClient
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.acceptance.proxy import behind, instead, status
from tests.acceptance.test_command import command, run, surroundings
from tests.acceptance.test_registries import links
from tests.registry.images import push_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ducklake_registry.acceptance.results import Acceptance
    from ducklake_registry.acceptance.runner import Surroundings
    from tests.acceptance.proxy import Reply
    from tests.registry.faults import Faulty, Request
    from tests.registry.programs import RunningRegistry

__all__ = ["surroundings"]

pytestmark = pytest.mark.registry


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def working(host: str, notes: Path) -> AbstractContextManager[Context]:
    return working_with(RegistryClient(host), Deadline(60), Limits(), disruptive=False, notes=notes)


def made(host: str, notes: Path, around: Surroundings, *paths: str) -> Acceptance:
    with working(host, notes) as context:
        chosen = [each for each in CHECKS if each.path in paths]
        return runner.accept(chosen, context, around, Baseline(), silent)


@pytest.fixture
def others(newest: RunningRegistry) -> Iterator[set[str]]:
    """Somebody else's image, in the repository of the test: it has to stay."""
    with newest.client() as client:
        manifest = push_image(client, IMAGES, "mine", "not the test's")
        yield set(links(newest))
        assert client.manifest(IMAGES, "mine").digest == manifest.digest
        client.delete_manifest(IMAGES, manifest.digest)


def test_what_may_be_deleted_by_now_goes(
    newest: RunningRegistry, proxy: Faulty, nowhere: Surroundings, notes: Path, others: set[str]
) -> None:
    proxy.behaviour = behind(newest.host, instead("DELETE", "", status(405)))
    left = made(proxy.host, notes, nowhere, "images/image").left_behind
    assert len(left) == 3
    again = made(proxy.host, notes, nowhere, "images/range")
    assert again.cleared == (), "it still may not"
    assert len(list(notes.iterdir())) == 2

    proxy.behaviour = behind(newest.host)
    found = made(proxy.host, notes, nowhere, "catalog/lists")
    assert {each.partition(": ")[0] for each in (*left, *again.left_behind)} == set(found.cleared)
    assert set(links(newest)) == others
    assert list(notes.iterdir()) == []
    assert made(proxy.host, notes, nowhere, "catalog/lists").cleared == ()


def test_what_a_run_that_was_killed_has_left_goes(
    newest: RunningRegistry, proxy: Faulty, surroundings: dict[str, str], others: set[str]
) -> None:
    reached = threading.Event()

    def hangs(request: Request, go_on: Callable[[], Reply]) -> Reply:
        if request.method == "PUT" and request.path.endswith("-index"):
            reached.set()
            time.sleep(30)
        return go_on()

    proxy.behaviour = behind(newest.host, hangs)
    words = ("--registry", proxy.host, "--category", "images")
    with subprocess.Popen(command(*words), env=surroundings, stderr=subprocess.PIPE) as started:
        assert reached.wait(60)
        started.kill()
    assert len(set(links(newest)) - others) > 6, "an image with its tag, and those of an index"

    proxy.behaviour = behind(newest.host)
    looked = run(surroundings, "--registry", proxy.host, "--category", "health", "-o", "json")
    assert json.loads(looked.stdout)["cleared"] == [], "who only looks changes nothing"
    done = run(surroundings, "--registry", proxy.host, "--category", "catalog")
    assert done.returncode == 0
    assert "things that an earlier run had to leave" in done.stdout
    assert set(links(newest)) == others


def test_what_a_run_at_work_has_made_stays(
    newest: RunningRegistry, nowhere: Surroundings, notes: Path, others: set[str]
) -> None:
    with working(newest.host, notes) as context, context.cleanup:
        image = context.push_new(IMAGES, "at work", context.tag("at-work"))
        found = made(newest.host, notes, nowhere, "tags/moves", "images/image")
        assert (found.accepted, found.cleared) == (True, ())
        assert context.client.head_manifest(IMAGES, context.tag("at-work")).digest == image.digest
    assert set(links(newest)) == others


def test_notes_about_another_registry_and_broken_ones_are_left_alone(
    newest: RunningRegistry, nowhere: Surroundings, notes: Path, others: set[str]
) -> None:
    notes.mkdir()
    digest = "sha256:" + "0" * 64
    trace = {"registry": "http://localhost:1", "kind": "tag", "repository": IMAGES, "reference": "mine"}
    (notes / "1.jsonl").write_text(json.dumps(trace))
    trace |= {"registry": f"http://{newest.host}", "kind": "blob", "reference": digest}
    (notes / "2.jsonl").write_text(json.dumps(trace) + '\n{"registry": "http://' + newest.host)
    assert made(newest.host, notes, nowhere, "catalog/lists").cleared == (), "what is not there was not removed"
    assert [each.name for each in notes.iterdir()] == ["1.jsonl"]


def test_it_is_done_without_where_nothing_can_be_written(newest: RunningRegistry, nowhere: Surroundings) -> None:
    from pathlib import Path

    assert made(newest.host, Path("/proc/nowhere"), nowhere, "images/image").accepted


def test_a_tag_that_was_written_after_its_manifest_was_removed_goes_too(
    newest: RunningRegistry, notes: Path
) -> None:
    """distribution writes the manifest and then its tag; the test does by hand what comes too late there."""
    before = set(links(newest))
    with working(newest.host, notes) as context:
        with context.cleanup:
            manifest = context.push_new(IMAGES, "late", "late")
            [late] = [newest.storage / each for each in links(newest) if "/late/current/" in each]
            written = late.read_text()
            context.client.delete_manifest(IMAGES, manifest.digest)
            late.parent.mkdir(parents=True, exist_ok=True)
            late.write_text(written)
        assert context.cleanup.left_behind == []
    assert set(links(newest)) == before
