"""Waiting, always with a limit, and never without telling what was last seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ducklake_registry.errors import TimeoutExpired
from ducklake_registry.step import Report, silent

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of all the waiting that one command may do, `seconds` from when it is made."""

    seconds: float
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_end", time.monotonic() + self.seconds)

    @property
    def remaining(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self._end - time.monotonic())


@dataclass(frozen=True, slots=True)
class NotYet:
    """What a probe answers while it must be asked again: what it saw."""

    seen: str


def wait_for(
    what: str,
    probe: Callable[[], T | NotYet],
    deadline: Deadline,
    report: Report = silent,
    interval: float = 0.25,
    hint: str | None = None,
) -> T:
    """Ask `probe` every `interval` seconds until it answers something else than NotYet, and return that.

    The probe is asked at least once. Raises TimeoutExpired, with what was last seen, when the deadline passes.
    """
    while isinstance(answer := probe(), NotYet):
        report(answer.seen)
        if not deadline.remaining:
            limit = spoken_duration(deadline.seconds)
            raise TimeoutExpired(f"{what} did not come within {limit}; last seen: {answer.seen}", hint)
        time.sleep(min(interval, deadline.remaining))
    return answer


def spoken_duration(seconds: float) -> str:
    """Return a duration as people write it: "0.4s", "12s", "5m", "1h30m", "3d4h"."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f}s".replace(".0s", "s")
    whole, parts = round(seconds), []
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts[:2])
