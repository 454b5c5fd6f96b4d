"""What an acceptance test found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ducklake_registry.acceptance.check import Category
    from ducklake_registry.acceptance.context import Limits
    from ducklake_registry.acceptance.facts import Environment


class Verdict(StrEnum):
    """What became of a check: `unsupported` is what the registry lacks, `skipped` what could not be asked."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Result:
    """One check's verdict, its time in seconds and its evidence: what was seen, or why not.

    `measured` is in seconds or in bytes a second; `before` are the same numbers of an earlier run. `samples` are
    for plots, and too many for what machines read.
    """

    category: Category
    name: str
    verdict: Verdict
    seconds: float
    evidence: str
    hint: str | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)
    samples: tuple[float, ...] = field(default=(), metadata={"plain": False})


@dataclass(frozen=True, slots=True)
class Acceptance:
    """All results of a run, in the order in which the checks were made.

    `accepted` is that none failed and at least one passed; `counts` is how many had which verdict. `left_behind`
    is what could not be removed again, `cleared` what earlier runs had left and this one has removed. `baseline`
    is when the earlier run was made that this one is compared with, `baseline_otherwise` what keeps the two from
    being compared: another registry, or another machine.
    """

    registry: str
    accepted: bool = field(init=False)
    started: datetime
    seconds: float
    counts: Mapping[str, int] = field(init=False)
    results: tuple[Result, ...]
    left_behind: tuple[str, ...]
    cleared: tuple[str, ...]
    limits: Limits
    baseline: str | None
    environment: Environment
    baseline_otherwise: str | None = None

    def __post_init__(self) -> None:
        verdicts = [each.verdict for each in self.results]
        accepted = Verdict.FAILED not in verdicts and Verdict.PASSED in verdicts
        object.__setattr__(self, "accepted", accepted)
        object.__setattr__(self, "counts", {str(each): verdicts.count(each) for each in Verdict})
