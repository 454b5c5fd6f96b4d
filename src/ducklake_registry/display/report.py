"""An acceptance test's results as a page for people: one file that needs no network and no JavaScript."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.display.output import plain
from ducklake_registry.display.plots import (
    PERCENTILES,
    latency_plot,
    request_of,
    throughput_plot,
    throughputs,
)
from ducklake_registry.display.units import milliseconds
from ducklake_registry.printable import printable
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Environment

    from ducklake_registry.acceptance.results import Acceptance, Result

_MARKS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.SKIPPED: "-", Verdict.UNSUPPORTED: "○"}
_MIB = 1024 * 1024
_NOTHING, _SHORT = 0.001, 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """A number in words, and how it differs from the baseline's, "" for no such number."""

    text: str
    change: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table of measurements: what was measured, how often, and the numbers."""

    name: str
    detail: str
    count: int
    numbers: tuple[Measured, ...]


def report_page(found: Acceptance) -> bytes:
    """Return the page. Whatever comes from a registry or a cluster is text on it, and never more.

    Its policy (Content Security Policy, level 3) forbids every request, every script, and each style but its own.
    """
    environment = _environment()
    style = environment.get_template("report.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = environment.get_template("report.html").render(
        found=found,
        style=style,
        style_digest=digest,
        headline=_headline(found),
        started=plain(found.started),
        categories=_categories(found.results),
        failed=[each for each in found.results if each.verdict is Verdict.FAILED],
        latency=latency_plot(found),
        latencies=_latencies(found),
        throughput=throughput_plot(found),
        throughputs=_throughputs(found),
    )
    return page.encode("utf-8", "replace")


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ducklake_registry.display"),
        autoescape=True,
        finalize=_finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"about": {each.path: each.about.replace("`", "") for each in CHECKS}, "marks": _MARKS}
    environment.filters |= {"duration": _duration}
    return environment


def _finalized(value: Any) -> Any:
    """Take out of a text what no page can carry; what the templates made themselves stays as it is."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _headline(found: Acceptance) -> str:
    counts, asked = found.counts, len(found.results)
    if found.accepted:
        return f"{found.registry} passes"
    if failed := counts[Verdict.FAILED]:
        return f"{found.registry} fails {failed} of {asked} checks"
    return f"{found.registry} was not tested: no check could be made"


def _categories(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    return [(str(category), list(group)) for category, group in groupby(results, key=lambda each: each.category)]


def _latencies(found: Acceptance) -> list[Row]:
    rows = []
    for each in found.results:
        if each.samples:
            request, in_flight = request_of(each.name)
            numbers = [(f"{name}_seconds", milliseconds) for name in PERCENTILES]
            rows.append(Row(request, f"{in_flight} in flight", len(each.samples), _numbers(each, numbers)))
    return rows


def _throughputs(found: Acceptance) -> list[Row]:
    numbers = [("bytes_per_second", lambda speed: f"{speed / _MIB:.0f} MiB/s")]
    return [Row(each.name, "64 MiB", 1, _numbers(each, numbers)) for each in throughputs(found)]


def _numbers(result: Result, wanted: Sequence[tuple[str, Any]]) -> tuple[Measured, ...]:
    now, before = result.measured, result.before
    return tuple(Measured(spoken(now[name]), _change(name, now, before)) for name, spoken in wanted)


def _change(name: str, now: Mapping[str, float], before: Mapping[str, float]) -> str:
    return f"{now[name] / before[name] - 1:+.0%}".replace("%", " %") if before.get(name) else ""


def _duration(seconds: float) -> str:
    if seconds < _NOTHING:
        return "0 ms"
    return spoken_duration(round(seconds, 1)) if seconds >= _SHORT else milliseconds(seconds)
