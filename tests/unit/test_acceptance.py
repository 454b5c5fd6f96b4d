"""The parts of the acceptance test that need no registry."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest
from rich.console import Console

from ducklake_registry.acceptance import content, runner
from ducklake_registry.acceptance.baseline import read_baseline
from ducklake_registry.acceptance.check import Category
from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.cleanup import Cleanup
from ducklake_registry.acceptance.context import Context, Limits
from ducklake_registry.acceptance.facts import Environment
from ducklake_registry.acceptance.performance import Latency
from ducklake_registry.acceptance.results import Acceptance, Result, Verdict
from ducklake_registry.display.acceptance import acceptance_picture
from ducklake_registry.display.junit import junit_document
from ducklake_registry.display.output import plain
from ducklake_registry.errors import ClusterError, NotFound, RegistryUnreachable
from ducklake_registry.reference import Digest
from ducklake_registry.waiting import Deadline
from tests.acceptance import broken, test_surroundings
from tests.e2e import faults as broken_sites

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient


class TestContent:
    @pytest.mark.skipif(platform.system() != "Linux", reason="a program for Linux")
    def test_the_program_runs_and_ends_well(self, tmp_path: Path) -> None:
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
        if machine is None:
            pytest.skip("a processor that it is not for")
        file = tmp_path / "program"
        file.write_bytes(content.program(machine))
        file.chmod(0o700)
        assert subprocess.run([file], check=False, timeout=10).returncode == 0

    @pytest.mark.parametrize(("architecture", "machine"), [("amd64", 62), ("arm64", 183)])
    def test_the_program_is_whole(self, architecture: str, machine: int) -> None:
        program = content.program(architecture)
        entry = int.from_bytes(program[24:32], "little")
        assert program[:4] == b"\x7fELF"
        assert int.from_bytes(program[18:20], "little") == machine
        assert entry - 0x400000 == 64 + 56
        assert int.from_bytes(program[96:104], "little") == len(program)

    def test_images_differ_by_their_text_alone(self) -> None:
        assert content.image("a") == content.image("a")
        assert content.image("a").manifest.digest != content.image("b").manifest.digest

    def test_noise_is_the_same_wherever_it_is_read_from(self) -> None:
        noise = content.Noise(3 * 1024 * 1024 + 5)
        whole = b"".join(noise.pieces(0, noise.size))
        assert len(whole) == noise.size
        assert b"".join(noise.pieces(1000, 2_000_000)) == whole[1000:2_000_000]
        assert noise.digest() == Digest.of(whole)


class TestCleanup:
    def test_the_last_is_removed_first_and_errors_do_not_stop_it(self) -> None:
        order: list[str] = []

        def remove(name: str, error: Exception | None = None) -> Callable[[], None]:
            def work() -> None:
                order.append(name)
                if error:
                    raise error

            return work

        with Cleanup() as cleanup:
            cleanup.add("one", remove("one"))
            cleanup.add("two", remove("two", ClusterError("no")))
            cleanup.add("three", remove("three", NotFound("gone")))
        assert order == ["three", "two", "one"]
        assert cleanup.left_behind == ["two: no"]

    def test_who_does_not_answer_is_asked_once(self) -> None:
        asked: list[int] = []

        def silent() -> None:
            asked.append(1)
            raise RegistryUnreachable("no answer")

        with Cleanup() as cleanup:
            cleanup.add("one", silent)
            cleanup.add("pod", lambda: asked.append(2), "cluster")
            cleanup.add("two", silent)
        assert asked == [1, 2]
        assert len(cleanup.left_behind) == 2

    def test_is_patient_until_patience_was_of_no_use(self) -> None:
        once, patient = cast("RegistryClient", "once"), cast("RegistryClient", "patient")
        context = Context(once, patient, Cleanup(), Deadline(1))
        assert context.remover == patient
        context.cleanup.left_behind.append("a blob: failed with status 500 (tried 8 times)")
        assert context.remover == once

    @pytest.mark.parametrize(
        "signals",
        [
            pytest.param([KeyboardInterrupt()], id="a further Ctrl-C"),
            # A cancelled job is told by SIGINT, and some seconds later by SIGTERM, which ends dlr by SystemExit.
            pytest.param([KeyboardInterrupt(), SystemExit(143)], id="a cancelled job"),
        ],
    )
    def test_nothing_that_is_said_once_stops_it(self, signals: list[BaseException]) -> None:
        removed: list[str] = []
        turns = iter(signals)

        def interrupted() -> None:
            for error in turns:
                raise error
            removed.append("two")

        cleanup = Cleanup()
        cleanup.add("one", lambda: removed.append("one"))
        cleanup.add("two", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cleanup.unwind()
        assert removed == ["two", "one"]

    def test_but_who_says_it_twice_is_heard(self) -> None:
        removed: list[str] = []

        def terminated() -> None:
            raise SystemExit(143)

        cleanup = Cleanup()
        cleanup.add("one", lambda: removed.append("one"))
        cleanup.add("two", terminated)
        with pytest.raises(SystemExit):
            cleanup.unwind()
        assert removed == []


class TestSelection:
    def test_of_categories_and_checks(self) -> None:
        chosen = runner.select(CHECKS, [Category.TAGS, Category.PERFORMANCE], ["tags/p*", "performance"])
        assert [each.path for each in chosen] == ["tags/lists", "tags/moves", "tags/unknown", "tags/deletes"]

    def test_every_check_has_been_made_to_fail(self) -> None:
        """A check that no fault has broken proves nothing: a new one needs a line in one of these tables."""
        made_to_fail = broken.BROKEN_CHECKS | test_surroundings.BROKEN_CHECKS | broken_sites.BROKEN_CHECKS
        assert made_to_fail == {each.path for each in CHECKS}

    def test_every_check_has_a_name_of_its_own(self) -> None:
        assert len({each.path for each in CHECKS}) == len(CHECKS)
        assert {each.category for each in CHECKS} == set(Category)


def test_percentiles_are_by_nearest_rank() -> None:
    found = Latency.of([n / 1000 for n in range(100, 0, -1)], took=2.0)
    assert (found.p50, found.p95, found.p99, found.rate) == (0.050, 0.095, 0.099, 50)


ENVIRONMENT = Environment(
    "http://localhost:5000", "distribution v3.1.2", None, None, None, (), None, "0.1.0", "Python on Linux"
)
FOUND = Acceptance(
    "localhost:5000",
    datetime(2026, 1, 2, tzinfo=UTC),
    1.5,
    (
        Result(Category.HEALTH, "api", Verdict.PASSED, 0.004, "200"),
        Result(Category.TAGS, "lists", Verdict.FAILED, 0.2, "said \x00 [red] 500", "log in"),
        Result(Category.TAGS, "pages", Verdict.UNSUPPORTED, 0.2, "no pages"),
        Result(
            Category.PERFORMANCE,
            "ping-1",
            Verdict.PASSED,
            2,
            "p50",
            None,
            {"p50_seconds": 0.2},
            {"p50_seconds": 0.1},
        ),
        Result(Category.IMAGES, "pod", Verdict.SKIPPED, 0, "no cluster"),
    ),
    ("an image: no answer",),
    ("a blob",),
    Limits(),
    "2026-01-01T00:00:00Z",
    ENVIRONMENT,
)


class TestResults:
    def test_say_it_in_words_and_not_by_colour_alone(self) -> None:
        console = Console(width=80, no_color=True, force_terminal=False)
        with console.capture() as capture:
            console.print(acceptance_picture(FOUND))
        text = capture.get()
        for words in ("✓ passed", "✗ failed", "○ unsupported", "- skipped", "hint: log in", "p50 +100%"):
            assert words in text
        assert "[red] 500" in text
        assert "Not removed\n  an image: no answer" in text
        assert "removed 1 thing that an earlier run had to leave" in text
        assert "✗ localhost:5000: 2 passed, 1 failed, 1 skipped, 1 unsupported, in 1.5s" in text

    def test_skipped_alone_is_not_accepted(self) -> None:
        only = tuple(each for each in FOUND.results if each.verdict is Verdict.SKIPPED)
        assert not replace(FOUND, results=only).accepted

    def test_are_a_baseline_for_the_next(self, tmp_path: Path) -> None:
        file = tmp_path / "earlier.json"
        file.write_text(json.dumps(plain(FOUND)))
        earlier = read_baseline(file)
        assert earlier.measured["performance/ping-1"] == {"p50_seconds": 0.2}
        assert earlier.started == "2026-01-02T00:00:00Z"
        assert read_baseline(None).measured == {}

    def test_are_a_document_for_ci_systems(self) -> None:
        assert b"unsupported: no pages" in junit_document(FOUND)
