"""Sizes, times and counts as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from datetime import datetime

_STEP = 1024


def size(count: float) -> str:
    """Return a number of bytes in the largest unit that leaves it at least 1: "512 B", "1.5 MiB", "10 GiB"."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < _STEP or unit == "TiB":
            break
        count /= _STEP
    return f"{count:.1f} {unit}".replace(".0 ", " ")


def milliseconds(seconds: float) -> str:
    """Return a short time in two figures or more: "0.42 ms", "4.0 ms", "42 ms", "4,200 ms"."""
    value = seconds * 1000
    digits = 0 if value >= 10 else 1 if value >= 1 else 2  # noqa: PLR2004
    return f"{value:,.{digits}f} ms"


def age(since: datetime, now: datetime) -> str:
    """Return how long ago something was: "12s", "3d4h"."""
    return spoken_duration(max(0, round((now - since).total_seconds())))
