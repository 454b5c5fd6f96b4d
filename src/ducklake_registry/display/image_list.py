"""The list of images, in columns.

Written as text of its own: a list may have a hundred thousand lines, and a table of rich takes a millisecond
for each two of them.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from ducklake_registry.display.sizes import spoken_size
from ducklake_registry.printable import printable
from ducklake_registry.reports.images import ImageEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ducklake_registry.reports.images import Entry, Totals

_GAP = "  "
_ANY_WIDTH = 10_000
_SHORT_DIGEST = 12
_DATE = len("2026-01-02")

Row = tuple[str, ...]


def write_list(entries: Sequence[Entry], totals: Totals, *, details: bool, whole: bool) -> None:
    """Write entries to stdout, as wide as the screen, or as wide as it takes where there is none.

    `details` tells that they were asked for, `whole` wants digests whole, and all platforms.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _ANY_WIDTH
    shown = lines(entries, width, details=details, whole=whole)
    sys.stdout.writelines(f"{printable(line)}\n" for line in shown)
    sys.stdout.write(f"{summary(totals, details=details)}\n")


def lines(entries: Sequence[Entry], width: int, *, details: bool, whole: bool = False) -> Iterator[str]:
    """Give the lines of the list; names that are too long for their column get a line of their own."""
    if not entries:
        return
    images = isinstance(entries[0], ImageEntry)
    names = [("REPOSITORY", "TAG") if images else ("REPOSITORY",), *map(_names, entries)]
    facts: list[Row] = [_fact_heads(images=images), *map(_facts, entries)] if details else [()] * len(names)
    fact_widths = _widths(facts)
    widths = _widths(names)
    name_widths = _fitted(widths, width - sum(each + len(_GAP) for each in fact_widths))
    all_fit = name_widths == widths
    formats = [*map("{{:<{}}}".format, name_widths)]
    formats += [_format(head, room) for head, room in zip(facts[0], fact_widths, strict=True)]
    form = _GAP.join(formats).format
    for entry, name, fact in zip((None, *entries), names, facts, strict=True):
        if not all_fit and any(len(text) > room for text, room in zip(name, name_widths, strict=True)):
            yield _GAP.join(name)
            yield form(*[""] * len(name), *fact).rstrip()
        else:
            yield form(*name, *fact).rstrip()
        if entry:
            yield from _below(entry, whole=whole)


def _below(entry: Entry, *, whole: bool) -> Iterator[str]:
    """Give what has no place in a column."""
    if whole and isinstance(entry, ImageEntry) and entry.digest:
        yield f"  {entry.digest}"
        yield f"  {entry.media_type}{_GAP}{', '.join(entry.platforms)}".rstrip()
    if entry.problem:
        yield f"  ✗ {entry.problem}"


def summary(totals: Totals, *, details: bool) -> str:
    """Tell what it comes to: images, repositories, bytes."""
    text = _count(totals.repositories, "repository", "repositories")
    if totals.images:
        text = f"{_count(totals.images, 'image', 'images')} in {text}"
    if details:
        text += f", {spoken_size(totals.size)} with each blob counted once"
    if totals.empty:
        text += f"; {_count(totals.empty, 'empty repository', 'empty repositories')}"
    return f"{text}; {_count(totals.problems, 'problem', 'problems')}" if totals.problems else text


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _names(entry: Entry) -> Row:
    return (entry.repository, entry.tag or "") if isinstance(entry, ImageEntry) else (entry.repository,)


def _fact_heads(*, images: bool) -> Row:
    return ("DIGEST", "SIZE", "PLATFORMS", "CREATED") if images else ("TAGS", "SIZE", "CREATED")


def _facts(entry: Entry) -> Row:
    size = "" if entry.size is None else spoken_size(entry.size)
    created = (entry.created or "")[:_DATE]
    if not isinstance(entry, ImageEntry):
        return (str(entry.tags), size, created)
    digest = entry.digest.hex[:_SHORT_DIGEST] if entry.digest else ""
    more = f" +{len(entry.platforms) - 1}" if len(entry.platforms) > 1 else ""
    return (digest, size, "".join(entry.platforms[:1]) + more, created)


def _widths(rows: Sequence[Row]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _fitted(columns: list[int], room: int) -> list[int]:
    """Shrink the columns of names: tags to a third of the room, repositories to what is left."""
    widths = [*columns]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    for place, least in ((1, room // 3), (0, room // 3)):
        if excess > 0 and place < len(widths):
            less = max(0, min(excess, widths[place] - max(least, 10)))
            widths[place] -= less
            excess -= less
    return widths


def _format(head: str, width: int) -> str:
    return f"{{:{'>' if head in {'SIZE', 'TAGS'} else '<'}{width}}}"
