"""The picture of a checkup: the way as a chain of links, and under it what is wrong and what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ducklake_registry.display.tables import bad, good
from ducklake_registry.doctor.finding import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from ducklake_registry.doctor.finding import Checkup, Examined, Finding

_MARKS = {
    State.SOUND: ("✓", "green", ""),
    State.BROKEN: ("✗", "bold red", "BROKEN: "),
    State.FOLLOWS: ("↳", "red", ""),
    State.WARNING: ("!", "yellow", "warning: "),
    State.UNKNOWN: ("?", "yellow", "cannot be seen: "),
    State.NOT_APPLICABLE: ("–", "dim", "not on this way: "),  # noqa: RUF001
}


def checkup_picture(checkup: Checkup) -> Group:
    """Return the chain, the findings with what to do about each, and the verdict."""
    where = f", namespace {checkup.namespace} of context {checkup.context}" if checkup.context else ""
    parts: list[RenderableType] = [Text(f"The way to {checkup.registry}{where}", "bold"), _chain(checkup.links)]
    roots = [each for each in checkup.findings if each.follows_from is None]
    for number, finding in enumerate(sorted(roots, key=lambda each: not each.breaks)):
        parts += [Text(""), _finding(finding, first=number == 0 and finding.breaks)]
    if following := [each for each in checkup.findings if each.follows_from]:
        parts += [Text(""), _following(following)]
    return Group(*parts, Text(""), good(checkup.verdict) if checkup.healthy else bad(checkup.verdict))


def _chain(links: Sequence[Examined]) -> RenderableType:
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(no_wrap=True)
    rows.add_column()
    for link in links:
        mark, style, word = _MARKS[link.state]
        quiet = "" if link.state in {State.SOUND, State.BROKEN} else "dim"
        # All of what is wrong is told below: here it must not hide the way.
        words = f"follows from {link.follows_from}" if link.follows_from else link.said
        said = Text.assemble((word, style), (words, quiet), no_wrap=True, overflow="ellipsis")
        rows.add_row(Text(mark, style), Text(link.link, style if link.state is State.BROKEN else ""), said)
    return Padding(rows, (0, 0, 0, 2), expand=False)


def _finding(finding: Finding, *, first: bool) -> RenderableType:
    """Return one finding; the first that breaks something stands out."""
    mark, style, _ = _MARKS[State.BROKEN if finding.breaks else State.WARNING]
    title = Text.assemble((f"{mark} {finding.link}", style), ("  the first broken link", "bold") if first else "")
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True, style="dim")
    rows.add_column(overflow="fold")
    rows.add_row("seen", Text(finding.seen, "bold" if first else ""))
    rows.add_row("means", Text(finding.means))
    rows.add_row("repair", Text(finding.repair, "cyan"))
    if finding.remedy:
        rows.add_row("", Text("dlr doctor --fix does that", "dim"))
    return Group(title, Padding(rows, (0, 0, 0, 2), expand=False))


def _following(findings: Sequence[Finding]) -> RenderableType:
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for finding in findings:
        rows.add_row(Text(finding.link), Text(f"{finding.seen} (follows from {finding.follows_from})", "dim"))
    return Group(Text("What follows from that", "bold"), Padding(rows, (0, 0, 0, 2), expand=False))
