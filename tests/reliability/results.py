"""Results of many runs: kept chunk by chunk as they come, so that a long series can be made in several goes."""

from __future__ import annotations

import json
import platform
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.kept import commit

from ducklake_registry import __version__
from tests.registry import programs
from tests.reliability.cuts import PIECE, cuts
from tests.reliability.fuzz import fuzz
from tests.reliability.kills import kills
from tests.reliability.restarts import restarts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.reliability.experiment import Outcome, Plan


@dataclass(frozen=True, slots=True)
class Experiment:
    """Something that is broken `count` times, `chunk` times in one go."""

    run: Callable[[Plan], Outcome]
    count: int
    chunk: int
    beside: bool = False
    """Whether several of its chunks may run beside each other."""


EXPERIMENTS = {
    "kills": Experiment(kills, 2, 1),
    "restarts": Experiment(restarts, 100, 10),
    "cuts": Experiment(cuts, 1_000, PIECE, beside=True),
    "fuzz": Experiment(fuzz, 100_000, 2_000, beside=True),
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a series, which is the same one whenever it is run: trials from `first` on."""

    experiment: str
    first: int
    count: int


def chunks(name: str, count: int) -> Iterator[Chunk]:
    """Divide a series; a case of `fuzz` has at least one broken answer, so that its numbers never meet."""
    size = EXPERIMENTS[name].chunk
    for first in range(0, count, size):
        yield Chunk(name, first, min(size, count - first))


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a chunk, when, and with which commit."""

    chunk: Chunk
    seed: int
    tally: dict[str, int]
    lost: list[str]
    failures: list[str]
    seconds: float
    date: str
    commit: str

    @classmethod
    def of(cls, chunk: Chunk, outcome: Outcome) -> Result:
        now = f"{datetime.now(UTC):%Y-%m-%d}"
        done = (dict(outcome.tally), outcome.lost, outcome.failures, outcome.seconds)
        return cls(chunk, outcome.seed, *done, now, commit())


@dataclass(slots=True)
class Series:
    """All results that are kept in a file."""

    file: Path
    results: list[Result] = field(default_factory=list)
    anew: bool = False

    @classmethod
    def read(cls, file: Path) -> Series:
        if not file.exists():
            return cls(file)
        kept = json.loads(file.read_text())
        return cls(file, [Result(**each | {"chunk": Chunk(**each["chunk"])}) for each in kept])

    def add(self, result: Result) -> None:
        """Keep a result, in the place of an earlier one of its chunk and beside what others have kept."""
        kept = self.results if self.anew else Series.read(self.file).results
        self.results = [each for each in kept if each.chunk != result.chunk] + [result]
        self.anew = False
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps([asdict(each) for each in self.results], indent=1))

    def has(self, chunk: Chunk, seed: int) -> bool:
        return any(each.chunk == chunk and each.seed == seed for each in self.results)

    def of(self, name: str) -> list[Result]:
        return [each for each in self.results if each.chunk.experiment == name]

    def tally(self, name: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for each in self.of(name):
            total.update(each.tally)
        return total


def versions() -> dict[str, str]:
    """Return the versions of all that took part."""
    return {
        "dlr": __version__,
        "Python": platform.python_version(),
        "kernel": platform.release(),
        "registry": _said(str(programs.find_program("3.1")), "--version").split()[-1],
        "Docker": _said("docker", "version", "--format", "{{.Server.Version}}"),
        "kind": _said("kind", "version", "-q"),
    }


def _said(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        return "not there"
    return done.stdout.strip() or "unknown"
