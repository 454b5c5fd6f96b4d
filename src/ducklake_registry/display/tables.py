"""The one look that all tables have: a title in words, a quiet heading, no lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

Cell = str | Text


def section(title: str, summary: Cell, content: Iterable[RenderableType]) -> Group:
    """Return a part of a report: its title with a few words, and what there is to show under it."""
    head = Text.assemble((f"{title:<10}", "bold"), "  ", summary)
    return Group(Text(""), head, *(Padding(each, (0, 0, 0, 2), expand=False) for each in content))


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    """Return rows under their columns' names; a name that begins with ">" is of numbers, set to the right.

    On a narrow screen cells are folded, never cut.
    """
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        made.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(each) if isinstance(each, str) else each for each in row))
    return made


def good(text: str) -> Text:
    """Return words about something that is as it should be."""
    return Text.assemble(("✓ ", "green"), text)


def bad(text: str) -> Text:
    """Return words about something that is not; the mark says it where there is no colour."""
    return Text.assemble(("✗ ", "bold red"), (text, "red"))


def unknown(reason: str) -> Text:
    """Return that something could not be had, and why."""
    return Text.assemble(("? ", "yellow"), f"not available: {reason}")
