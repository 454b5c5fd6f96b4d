"""What the experiments share: how often something is broken, what came of it, and what must never come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Progress = Callable[[int], None]
"""Told how much of the count has been done since the last time."""


OF = "of "
"""What a tally begins with that tells what was broken, and not how it ended."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often to break something, from which seed, and where there is room for files.

    Trial number N of a seed is the same one each time; `first` is the number of the first.
    """

    count: int
    seed: int
    folder: Path
    progress: Progress = lambda _: None
    first: int = 0

    def seed_of(self, number: int) -> str:
        """Return the seed of one trial."""
        return f"{self.seed}/{number}"


@dataclass(slots=True)
class Outcome:
    """What came of it. `tally` counts each kind of end, `lost` and `failures` tell each case that must not be."""

    seed: int
    tally: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, and nothing came that must not come."""
        return not (self.lost or self.failures)

    def ended(self) -> Outcome:
        """Note the time that it took."""
        self.seconds = time.monotonic() - self._started
        return self


class Lost(AssertionError):
    """Something that was acknowledged is not there, or something half is believed."""
