"""The tool that measures, and what its page says: results made up here, and one small real run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest
from benchmarks import kept, page
from benchmarks.measure import (
    BEST_PEER,
    MEMORY,
    SECONDS,
    Benchmark,
    Contender,
    Goal,
    Measured,
    Role,
    Sample,
    run,
    take_turns,
)

ROOT = Path(__file__).resolve().parents[2]
GOALS = (
    Goal("faster than the peers", "ours", BEST_PEER, 1.0, "Since the moon is full."),
    Goal("near the limit", "ours", "limit", 4.0, "This is not to be read."),
    Goal("soon", "ours", SECONDS, 5.0),
    Goal("small", "ours", MEMORY, 100e6),
    Goal("never measured", "ours", "somebody else", 1.0),
)
BENCHMARK = Benchmark("made-up", "Made up", "Notes.", GOALS, lambda _: nullcontext([]))
ROLES = {"ours": Role.OURS, "fast": Role.PEER, "slow": Role.PEER, "limit": Role.LIMIT}


def measured() -> Measured:
    seconds = {"ours": [3.0, 9.0, 2.9], "fast": [2.0, 2.0, 2.0], "slow": [7.0, 8.0, 6.0], "limit": [1.0, 1.0, 1.0]}
    samples = {name: [Sample(each, 0.5, 200_000_000) for each in found] for name, found in seconds.items()}
    return Measured(samples, ROLES, ["oras (oras is not here)"])


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    kept.keep("made-up", kept.now(measured(), 0.4))
    return "\n".join(page.page([(BENCHMARK, list(kept.kept("made-up")))]))


@pytest.mark.parametrize(
    "row",
    [
        "| [faster than the peers](#made-up) | ≤ 1.00 x | 1.50 x | **not met** |",
        "| [near the limit](#made-up) | ≤ 4.00 x | 3.00 x | met |",
        "| [soon](#made-up) | ≤ 5 s | 3 s | met |",
        "| [small](#made-up) | ≤ 100 MB | 200 MB | **not met** |",
        "| [never measured](#made-up) | ≤ 1.00 x |  | not measured |",
        "| **ours** | 3.00 s | 2.90 to 9.00 s | 1.50 | 3.00 | 0.500 s | 200 MB |",
        "| fast | 2.00 s | 2.00 to 2.00 s | 1.00 | 2.00 | 0.500 s | 200 MB |",
    ],
)
def test_each_goal_is_judged_by_medians(text: str, row: str) -> None:
    assert row in text.splitlines()


def test_a_reason_is_told_only_for_what_is_not_met(text: str) -> None:
    assert "Since the moon is full." in text
    assert "not to be read" not in text


def test_what_was_missing_is_told(text: str) -> None:
    assert "Not measured: oras (oras is not here)." in text


def test_runs_are_pooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    for _ in range(2):
        kept.keep("made-up", kept.now(measured(), 0.4))

    assert len(kept.pooled(kept.kept("made-up")).samples["ours"]) == 6
    kept.keep("made-up", kept.now(measured(), 0.4), anew=True)
    assert len(list(kept.kept("made-up"))) == 1


def test_everybody_has_a_turn_in_each_round() -> None:
    done: list[str] = []

    def contender(name: str, needs: str = "") -> Contender:
        def measure() -> Sample:
            done.append(name)
            return Sample(1.0)

        return Contender(name, Role.OURS, measure, after=lambda: done.append("after"), needs=needs)

    names = ["a", "b", "c"]
    found = take_turns([*map(contender, names), contender("d", "no-such-program")], 20, lambda *_: None)

    assert Counter(done) == {"a": 20, "b": 20, "c": 20, "after": 60}
    rounds = [tuple(done[start : start + 6 : 2]) for start in range(0, 120, 6)]
    assert all(sorted(each) == names for each in rounds)
    assert len(set(rounds)) > 1, "always in the same order"
    assert found.missing == ["d (no-such-program is not here)"]


def test_a_program_is_measured_as_it_is() -> None:
    busy = "import time; x = bytearray(80_000_000)\nwhile time.process_time() < 0.2: pass"
    sample = run(sys.executable, "-S", "-c", busy)
    small = run("true")

    assert sample.seconds >= sample.processor * 0.5 > 0.1
    assert sample.memory > 80_000_000
    assert small.memory < 20_000_000, "that of the one who measures"


def test_a_program_that_fails_is_told() -> None:
    with pytest.raises(SystemExit, match="failed with 3\nno luck"):
        run("bash", "-c", "echo no luck >&2; exit 3")


def test_a_small_run_measures_and_keeps_nothing() -> None:
    before = sorted((ROOT / "docs").rglob("*bench*"))
    stamps = [each.stat().st_mtime for each in before]
    words = [sys.executable, "-m", "benchmarks", "--only=startup", "--rounds=1", "--scale=0.01"]

    done = subprocess.run(
        words, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode in {0, 1}, done.stderr
    assert "against importing Typer and Rich" in done.stdout
    assert [each.stat().st_mtime for each in before] == stamps
