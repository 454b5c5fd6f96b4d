"""How everything here is measured: as whole programs, in turns of mixed order, several times.

A benchmark is a few contenders that do the same: ours, its peers, and what limits them all. Only ratios within one
run mean anything, so that all of them take turns in each round and the medians are compared.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

DLR = str(Path(sys.executable).with_name("dlr"))
GO_BIN = Path("~/go/bin").expanduser()
SET_UP = "/var/cache/dlr-bootstrap/bin"
_LIMIT = 900


class Role(StrEnum):
    """What a contender is there for."""

    OURS = "dlr"
    PEER = "peer"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: seconds by the clock and of the processor, and the most memory, in bytes; 0 is unknown."""

    seconds: float
    processor: float = 0.0
    memory: int = 0


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do it. `before` and `after` are not measured; `needs` is a program without which it cannot be."""

    name: str
    role: Role
    measure: Callable[[], Sample]
    before: Callable[[], None] = nothing
    after: Callable[[], None] = nothing
    needs: str = ""

    @property
    def is_here(self) -> bool:
        return not self.needs or find(self.needs) is not None


@dataclass(frozen=True, slots=True)
class Goal:
    """What was promised: at most so many times as long as another contender, or as so many seconds or bytes.

    `against` is a contender's name, BEST_PEER, SECONDS or MEMORY. `reason` tells why it is not met, and is shown
    only where it is not.
    """

    what: str
    ours: str
    against: str
    most: float
    reason: str = ""


BEST_PEER, SECONDS, MEMORY = "the best peer", "seconds", "memory"


@dataclass(frozen=True, slots=True)
class Scale:
    """How large everything is. Only results at full size are kept and shown."""

    factor: float = 1.0

    def of(self, full: int, least: int = 1) -> int:
        """Return a number at this scale."""
        return max(least, round(full * self.factor))


Prepare = Callable[[Scale], AbstractContextManager[list[Contender]]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is compared. `prepare` makes what the contenders need and takes it away again.

    `notes` are for the reader of the page. A benchmark without rounds of its own takes as many as are usual, and
    one without a way to `draw` what was measured into a figure of matplotlib's is drawn as bars.
    """

    name: str
    title: str
    notes: str
    goals: tuple[Goal, ...]
    prepare: Prepare
    rounds: int = 5
    draw: Callable[[Measured, Any], None] | None = None


Samples = dict[str, list[Sample]]


@dataclass(slots=True)
class Measured:
    """All samples of one run, by contender, with the roles and what was missing."""

    samples: Samples = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def take_turns(contenders: Sequence[Contender], rounds: int, tell: Callable[[int, str, Sample], None]) -> Measured:
    """Measure each contender once in each round, in an order that gives none the better moments."""
    here = [each for each in contenders if each.is_here]
    measured = Measured(roles={each.name: each.role for each in here})
    measured.missing = [f"{each.name} ({each.needs} is not here)" for each in contenders if not each.is_here]
    for number in range(rounds):
        for each in random.sample(here, len(here)):
            each.before()
            try:
                sample = each.measure()
            finally:
                each.after()
            measured.samples.setdefault(each.name, []).append(sample)
            tell(number + 1, each.name, sample)
    return measured


def median(samples: Sequence[Sample]) -> float:
    """Return the median of the seconds."""
    return statistics.median(each.seconds for each in samples)


def find(program: str) -> str | None:
    """Return where a program is, Go's own folder included."""
    return shutil.which(program, path=surroundings()["PATH"])


def surroundings(**variables: str) -> dict[str, str]:
    """Return the environment without what would change the programs, and with what Go and the set-up installed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DLR_", "KUBECONFIG"))}
    path = f"{Path(DLR).parent}:{clean['PATH']}:{GO_BIN}:{SET_UP}"
    return clean | {"PATH": path, "DOCKER_CONFIG": "/nonexistent"} | variables


def run(*words: str, **variables: str) -> Sample:
    """Run a program to its end, its output thrown away; what it says is shown when it fails."""
    with tempfile.NamedTemporaryFile(prefix="dlr-bench-") as errors:
        request = [[find(words[0]) or words[0], *words[1:]], surroundings(**variables), errors.name]
        launcher = _launcher()
        assert launcher.stdin
        assert launcher.stdout
        launcher.stdin.write(json.dumps(request) + "\n")
        launcher.stdin.flush()
        done = json.loads(launcher.stdout.readline())
        if code := done.pop("code"):
            said = Path(errors.name).read_text(errors="replace")
            raise SystemExit(f"{' '.join(words)} failed with {code}\n{said}")
    return Sample(**done)


@cache
def _launcher() -> subprocess.Popen[str]:
    words = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))]
    launcher = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(launcher.__exit__, None, None, None)  # it ends when nothing more can come
    return launcher


def program(role: Role, name: str, *words: str, **options: Callable[[], None]) -> Contender:
    """Return a contender that is a program with its words."""
    needs = "" if words[0] in {DLR, sys.executable} else words[0]
    return Contender(name, role, lambda: run(*words), needs=needs, **options)


def shell(role: Role, name: str, script: str, needs: str, **options: Callable[[], None]) -> Contender:
    """Return a contender that is a script of bash."""
    words = ("bash", "-euo", "pipefail", "-c", script)
    return Contender(name, role, lambda: run(*words), needs=needs, **options)
