"""The picture of an acceptance test: a line for each check, and what to do about those that failed."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.display.tables import bad, good
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import RenderableType

    from ducklake_registry.acceptance.results import Acceptance, Result
    from ducklake_registry.registry import Asked

_MARKS = {
    Verdict.PASSED: ("✓", "green"),
    Verdict.FAILED: ("✗", "bold red"),
    Verdict.SKIPPED: ("-", "yellow"),
    Verdict.UNSUPPORTED: ("○", "yellow"),
}
_SHOWN_LEFT = 5
_VERDICT_WIDTH, _TIME_WIDTH = 13, 5


def acceptance_picture(found: Acceptance) -> Group:
    """Return the results by category, what could not be removed, and the verdict."""
    parts: list[RenderableType] = []
    width = max(len(each.name) for each in found.results)
    for category, results in groupby(found.results, key=lambda each: each.category):
        parts += [Text(""), Text(category.capitalize(), "bold"), _results(results, width)]
    notes = (*_cleared(found), *_software(found), *_otherwise(found))
    return Group(*parts[1:], *_left_behind(found), Text(""), *notes, _verdict(found))


def tally(found: Acceptance) -> str:
    """Return how many checks had which verdict: "30 passed, 1 failed"."""
    return ", ".join(f"{count} {word}" for word, count in found.counts.items() if count)


def heard(asked: Asked) -> str:
    """Return one request in a line: what was asked, the status and the time."""
    return f"{asked.method:<6} {asked.status or 'no answer'} {asked.seconds * 1000:7.1f} ms  {asked.url}"


def _results(results: Iterable[Result], width: int) -> RenderableType:
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    # The same widths in each category, so that the eye can go straight down.
    rows.add_column(no_wrap=True, min_width=width)
    rows.add_column(no_wrap=True, min_width=_VERDICT_WIDTH)
    rows.add_column(justify="right", no_wrap=True, min_width=_TIME_WIDTH)
    rows.add_column(overflow="fold")
    for each in results:
        mark, style = _MARKS[each.verdict]
        rows.add_row(each.name, Text(f"{mark} {each.verdict}", style), _time(each.seconds), _evidence(each))
    return Padding(rows, (0, 0, 0, 2), expand=False)


def _evidence(result: Result) -> Text:
    said = Text(result.evidence, "" if result.verdict is not Verdict.SKIPPED else "dim")
    if change := _change(result.measured, result.before):
        said.append(f"\n{change}", "cyan")
    if result.hint and result.verdict is Verdict.FAILED:
        said.append("\nhint: ", "bold cyan").append(result.hint)
    return said


def _change(now: Mapping[str, float], before: Mapping[str, float]) -> str:
    """Return how numbers differ from an earlier run's: "before: p50 +3 %, p95 -10 %"."""
    parts = [
        f"{name.removesuffix('_seconds').replace('bytes_per_second', 'throughput')} {(now[name] / was - 1):+.0%}"
        for name, was in before.items()
        if was and name in now
    ]
    return f"since the baseline: {', '.join(parts)}" if parts else ""


def _time(seconds: float) -> Text:
    return Text(spoken_duration(round(seconds, 1)) if seconds >= 0.1 else f"{seconds * 1000:.0f}ms", "dim")  # noqa: PLR2004


def _left_behind(found: Acceptance) -> list[RenderableType]:
    left = found.left_behind
    if not left:
        return []
    more = [f"and {len(left) - _SHOWN_LEFT} more"] if len(left) > _SHOWN_LEFT else []
    lines = [Text(f"  {each}", "yellow") for each in (*left[:_SHOWN_LEFT], *more)]
    return [Text(""), Text("Not removed", "bold"), *lines]


def _cleared(found: Acceptance) -> list[RenderableType]:
    count = len(found.cleared)
    things = "1 thing" if count == 1 else f"{count} things"
    return [Text(f"removed {things} that an earlier run had to leave", "dim")] if count else []


def _software(found: Acceptance) -> list[RenderableType]:
    software = found.environment.software
    return [Text(f"{found.registry} is {software}", "dim")] if software else []


def _otherwise(found: Acceptance) -> list[RenderableType]:
    return [Text(found.baseline_otherwise, "yellow")] if found.baseline_otherwise else []


def _verdict(found: Acceptance) -> Text:
    said = f"{found.registry}: {tally(found)}, in {spoken_duration(found.seconds)}"
    return good(said) if found.accepted else bad(said)
