"""What an acceptance test found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ducklake_registry.acceptance.check import Category


class Verdict(StrEnum):
    """What became of a check: `unsupported` is what the registry lacks, `skipped` what could not be asked."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Result:
    """One check's verdict, its time in seconds and its evidence: what was seen, or why not.

    `measured` is in seconds or in bytes a second; `before` are the same numbers of an earlier run.
    """

    category: Category
    name: str
    verdict: Verdict
    seconds: float
    evidence: str
    hint: str | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """All results of a run, in the order in which the checks were made.

    `accepted` is that none failed and at least one passed. `left_behind` is what could not be removed again.
    """

    registry: str
    accepted: bool
    started: datetime
    seconds: float
    counts: Mapping[str, int]
    results: tuple[Result, ...]
    left_behind: tuple[str, ...]

    @classmethod
    def of(
        cls,
        registry: str,
        started: datetime,
        seconds: float,
        results: tuple[Result, ...],
        left_behind: tuple[str, ...],
    ) -> Acceptance:
        """Count the verdicts."""
        verdicts = [each.verdict for each in results]
        counts = {str(verdict): verdicts.count(verdict) for verdict in Verdict}
        accepted = Verdict.FAILED not in verdicts and Verdict.PASSED in verdicts
        return cls(registry, accepted, started, seconds, counts, results, left_behind)
