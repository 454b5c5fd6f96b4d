"""How a list of images is read and written: as it comes, or as a whole."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.display.image_list import write_list
from ducklake_registry.display.output import ListFormat, OutputFormat, plain, write_json_lines, write_plain
from ducklake_registry.display.terminal import Terminal
from ducklake_registry.registry import Known
from ducklake_registry.reports.image_cache import ImageCache
from ducklake_registry.reports.images import Totals, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ducklake_registry.cli.connection import Connection
    from ducklake_registry.reports.images import Entry
    from ducklake_registry.reports.wishes import Wish


@dataclass(frozen=True, slots=True)
class Reading:
    """A list that is to be read, with a cache in a folder or without one."""

    connection: Connection
    wish: Wish
    cache: Path | None
    fixed_tags: bool
    quiet: bool

    def write(self, form: ListFormat, *, whole: bool) -> int:
        """Write the list; return how many of its entries have a problem."""
        totals = Totals()
        # Lines that scroll and a line that is redrawn do not go together on one screen.
        lively = not (form is ListFormat.JSONL and sys.stdout.isatty())
        with self._entries(totals, lively=lively) as found:
            if form is ListFormat.JSONL:
                write_json_lines(map(plain, found))
                return totals.problems
            entries = list(found)
        if form is ListFormat.TABLE:
            write_list(entries, totals, details=self.wish.details, whole=whole)
        else:
            write_plain(plain(entries), OutputFormat(form.value))
        return totals.problems

    @contextmanager
    def _entries(self, totals: Totals, *, lively: bool) -> Iterator[Iterator[Entry]]:
        with ExitStack() as stack:
            client = stack.enter_context(self.connection.client())
            registry = client.endpoint.name
            known = Known(fixed_tags=self.fixed_tags)
            if self.cache and self.wish.details:
                cache = stack.enter_context(ImageCache(self.cache))
                known = cache.known(registry, fixed_tags=self.fixed_tags)
            terminal = Terminal(quiet=self.quiet or not lively)
            report = stack.enter_context(terminal.working(f"Reading {registry}"))
            yield read_entries(client, self.wish, known, totals, report)
