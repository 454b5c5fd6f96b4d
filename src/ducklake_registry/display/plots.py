"""Plots of what an acceptance test has measured, as positions for a page to draw them.

All positions across are percentages of the plot's width, so that a page can draw it as wide as its screen is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.acceptance.check import Category
from ducklake_registry.display.units import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ducklake_registry.acceptance.results import Acceptance, Result

PERCENTILES = ("p50", "p95", "p99")
KINDS = {
    "ping": "GET /v2/",
    "tags": "GET tags/list",
    "manifest-head": "HEAD manifest",
    "manifest-get": "GET manifest",
}
_MIB = 1024 * 1024
_BINS = 80
_ROOM = 1.05
_MOST_TICKS = 7
_STEPS = ((1, 2, 5), (1, 3), (1,))


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on an axis, and what is there."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class LogAxis:
    """An axis of times in seconds on which each tenfold is as long as the next."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float]) -> LogAxis:
        """Return one with room for values at both ends."""
        known = sorted(each for each in values if each > 0)
        low, high = math.log10(known[0]), math.log10(known[-1])
        room = max((high - low) * 0.06, 0.05)
        return cls(low - room, high + room)

    def at(self, value: float) -> float:
        """Return where a value is."""
        share = (math.log10(max(value, 1e-9)) - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def ticks(self) -> list[Mark]:
        """Return round values, as many as can be read."""
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        chosen: list[float] = []
        for steps in _STEPS:
            values = [step * 10.0**power for power in decades for step in steps]
            chosen = [each for each in values if self.low <= math.log10(each) <= self.high]
            if len(chosen) <= _MOST_TICKS:
                break
        return [Mark(self.at(each), f"{round(each * 1000, 4):,} ms".replace(".0 ", " ")) for each in chosen]


@dataclass(frozen=True, slots=True)
class Track:
    """How long one kind of request took: the outline of all samples and the places of the percentiles.

    `outline` is the path of an SVG that is 100 wide and 100 high. `earlier` are the percentiles of the baseline.
    """

    label: str
    crowd: bool
    figures: str
    outline: str
    marks: tuple[Mark, ...]
    earlier: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class LatencyPlot:
    """All kinds of requests on one axis; `limit` is where p95 was to stay below."""

    tracks: tuple[Track, ...]
    ticks: tuple[Mark, ...]
    limit: Mark | None
    has_baseline: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """How fast bytes went one way, from 0; `earlier` is the baseline's."""

    label: str
    length: float
    figures: str
    earlier: Mark | None


@dataclass(frozen=True, slots=True)
class ThroughputPlot:
    """Both ways on one axis; `limit` is what was to be reached."""

    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    limit: Mark | None


def latency_plot(found: Acceptance) -> LatencyPlot | None:
    """Lay out the times of the requests; None where none were measured."""
    measured = [each for each in found.results if each.samples]
    if not measured:
        return None
    limit = found.limits.max_p95
    known = [value for each in measured for value in (*each.samples, *_percentiles(each.before).values())]
    axis = LogAxis.around([*known, limit] if limit else known)
    return LatencyPlot(
        tuple(_track(each, axis) for each in measured),
        tuple(axis.ticks()),
        Mark(axis.at(limit), f"limit of p95: {milliseconds(limit)}") if limit else None,
        any(each.before for each in measured),
    )


def throughput_plot(found: Acceptance) -> ThroughputPlot | None:
    """Lay out the speeds of the blob; None where none were measured."""
    measured = throughputs(found)
    if not measured:
        return None
    limit = found.limits.min_throughput
    speeds = [speed for each in measured for speed in (_speed(each.measured), _speed(each.before)) if speed]
    top = _round_up(max([*speeds, limit or 0]) / _MIB * _ROOM)
    return ThroughputPlot(
        tuple(_bar(each, top) for each in measured),
        tuple(Mark(_share(value, top), f"{value:g}") for value in (top * n / 4 for n in range(5))),
        Mark(_share(limit / _MIB, top), f"limit: {limit / _MIB:.0f} MiB/s") if limit else None,
    )


def throughputs(found: Acceptance) -> list[Result]:
    """Return the results that are about how fast bytes go."""
    return [each for each in found.results if each.category is Category.PERFORMANCE and _speed(each.measured)]


def request_of(name: str) -> tuple[str, int]:
    """Return what a check asks for and how many times at once: "tags-16" is ("GET tags/list", 16)."""
    kind, _, in_flight = name.rpartition("-")
    return KINDS.get(kind, kind), int(in_flight)


def _track(result: Result, axis: LogAxis) -> Track:
    request, in_flight = request_of(result.name)
    found, before = _percentiles(result.measured), _percentiles(result.before)
    return Track(
        f"{request} · {in_flight} in flight",
        in_flight > 1,
        " · ".join(f"{name} {milliseconds(value).removesuffix(' ms')}" for name, value in found.items()) + " ms",
        _outline(result.samples, axis),
        tuple(Mark(axis.at(value), name) for name, value in found.items()),
        tuple(Mark(axis.at(value), name) for name, value in before.items()),
    )


def _percentiles(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: measured[f"{name}_seconds"] for name in PERCENTILES if f"{name}_seconds" in measured}


def _outline(samples: Sequence[float], axis: LogAxis) -> str:
    """Return the outline of a histogram, the highest bin as high as there is room."""
    bins = [0] * _BINS
    for each in samples:
        bins[min(int(axis.at(each) * _BINS / 100), _BINS - 1)] += 1
    width, highest = 100 / _BINS, max(bins)
    steps = "".join(f"V{100 - 100 * count / highest:.1f}H{(n + 1) * width:.2f}" for n, count in enumerate(bins))
    return f"M0 100{steps}V100Z"


def _bar(result: Result, top: float) -> Bar:
    speed, before = _speed(result.measured) / _MIB, _speed(result.before) / _MIB
    earlier = Mark(_share(before, top), f"{before:.0f} MiB/s") if before else None
    return Bar(result.name, _share(speed, top), f"{speed:.0f} MiB/s", earlier)


def _speed(measured: Mapping[str, float]) -> float:
    return measured.get("bytes_per_second", 0.0)


def _share(value: float, top: float) -> float:
    return round(100 * value / top, 2)


def _round_up(value: float) -> float:
    """Return the next value that can be divided by four and read."""
    size = 10.0 ** math.floor(math.log10(max(value, 0.04)))
    return next(step * size for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12) if step * size >= value)
