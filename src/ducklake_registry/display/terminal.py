"""The one owner of the terminal while a command works: progress of its steps, messages, questions.

Rich is loaded only where it has something to draw: without a screen lines are all that is written, and a script
that runs `dlr` a hundred times does not wait for it a hundred times.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING, TypeVar

from ducklake_registry.printable import printable
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console, RenderableType
    from rich.text import Text

    from ducklake_registry.errors import DlrError
    from ducklake_registry.step import Report, Step

T = TypeVar("T")

_QUIET_SECONDS = 5.0
"""Where there is no screen to redraw, what a step waits for is written this often at the most."""

_ANY_WIDTH = 1000

_SAYING = {"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
"""The variables by which Rich is told that there is a screen, whatever it looks like."""


@cache
def stdout() -> Console:
    """Return the console for results; without a screen lines are as long as they like, for grep and its kind."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, soft_wrap=True, width=None if "COLUMNS" in os.environ else _ANY_WIDTH)


class Terminal:
    """Where a command tells what it does: stderr, so that stdout holds nothing but results.

    With `quiet` only errors are told, with `verbose` also what would interest somebody who looks for a fault.
    """

    def __init__(self, *, verbose: bool = False, quiet: bool = False) -> None:
        self._verbose = verbose
        self._quiet = quiet
        self._said = ""

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    @cached_property
    def _is_screen(self) -> bool:
        """Whether there is one to draw on; Rich knows by which variables somebody can say so."""
        asked = not _SAYING.isdisjoint(os.environ)
        return (asked or sys.stderr.isatty()) and self._console.is_terminal

    def _write(self, *pieces: str | tuple[str, str], end: str = "\n") -> None:
        """Write a line of pieces, some with their style, as long as it is."""
        if self._is_screen:
            from rich.text import Text

            self._console.print(Text.assemble(*pieces), soft_wrap=True, end=end)
        else:
            line = "".join(each if isinstance(each, str) else each[0] for each in pieces)
            sys.stderr.write(printable(line) + end)
            sys.stderr.flush()

    def run(self, steps: Iterable[Step]) -> None:
        """Run steps in order, each shown with what it waits for, its outcome and its time."""
        for step in steps:
            self._run(step.title, step.run)

    def follow(self, title: str, work: Callable[[Report], T], outcome: Callable[[T], str]) -> T:
        """Do a single piece of work, shown like a step, and return its result; `outcome` puts that in words."""
        results: list[T] = []

        def run(report: Report) -> str:
            results.append(work(report))
            return outcome(results[0])

        self._run(title, run)
        return results[0]

    def _run(self, title: str, work: Callable[[Report], str]) -> str:
        started = time.monotonic()
        shown = _Plain(self._write, title) if self._quiet or not self._is_screen else None
        try:
            outcome = work(_nowhere if self._quiet else shown.report) if shown else self._animated(title, work)
        except BaseException as error:
            word = "interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "failed"
            self._finished("✗", "red", title, word, started)
            raise
        self._finished("✓", "green", title, outcome, started)
        return outcome

    def _animated(self, title: str, work: Callable[[Report], str]) -> str:
        with self.working(title) as report:
            return work(report)

    def _finished(self, mark: str, style: str, title: str, outcome: str, started: float) -> None:
        if self._quiet:
            return
        text = f"{title}: {outcome}", (f" ({spoken_duration(time.monotonic() - started)})", "dim")
        if self._is_screen:
            self._console.print(_marked((mark, style), *text), soft_wrap=True)
        else:
            self._write(mark, " ", *text)

    def output(self, line: str) -> None:
        """Show a line of what another program says, as it comes; it stays."""
        if not self._quiet:
            from rich.text import Text

            self._console.print(Text.from_ansi(line, style="dim"), soft_wrap=True)

    @contextmanager
    def working(self, title: str) -> Iterator[Report]:
        """Show what is being looked at while the block lasts, and nothing of it on a screen afterwards."""
        if self._quiet:
            yield _nowhere
        elif not self._is_screen:
            yield _Plain(self._write, title).report
        else:
            from rich.text import Text

            with self._console.status(Text(title)) as status:
                yield lambda text: status.update(_line(title, text, self._console.width - 4))

    def note(self, text: str) -> None:
        """Tell something that a person should know, unless they asked for quiet."""
        if not self._quiet:
            self._write(text)

    def once(self, text: str) -> None:
        """Note something unless it was the last thing that was noted so: for what is said again and again."""
        if text != self._said:
            self._said = text
            self.note(text)

    def detail(self, text: str) -> None:
        """Tell something that only matters to somebody who looks for a fault."""
        if self._verbose:
            self._write((text, "dim"))

    def show(self, picture: RenderableType, *, as_it_is: bool = False) -> None:
        """Show something on stderr, unless quiet was asked for; `as_it_is` leaves long lines to the screen."""
        if not self._quiet:
            self._console.print(picture, soft_wrap=as_it_is or not self._is_screen)

    def error(self, error: DlrError) -> None:
        """Tell what went wrong: one line, the evidence, and what to type."""
        self._write(("error: ", "bold red"), error.message)
        for line in error.details:
            self._write((f"  {line}", "dim"))
        if error.hint:
            self._write(("hint: ", "bold cyan"), error.hint)

    @property
    def can_ask(self) -> bool:
        """Whether there is a person at the keyboard."""
        return sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Ask a person for a yes; anything else is a no."""
        self._write(f"{question} [y/N] ", end="")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}


class _Plain:
    """A step's progress where lines stay: its title, then what it waits for when that has changed."""

    def __init__(self, write: Callable[[str], None], title: str) -> None:
        self._write = write
        self._title = title
        self._last = ""
        self._next = time.monotonic() + _QUIET_SECONDS

    def report(self, text: str) -> None:
        text = text.partition("\n")[0]
        if text != self._last and time.monotonic() >= self._next:
            self._write(f"… {self._title}: {text}")
            self._last, self._next = text, time.monotonic() + _QUIET_SECONDS


def _marked(mark: tuple[str, str], *pieces: str | tuple[str, str]) -> RenderableType:
    """Return a line with a mark before it; what does not fit goes on under the text."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(*mark), Text.assemble(*pieces))
    return grid


def _line(title: str, text: str, width: int) -> Text:
    """Return a step's title with its live text; further lines of that come under it."""
    from rich.text import Text

    first, *others = text.split("\n")
    lines = [Text.assemble(title, (f"  {first}", "dim")), *(Text(f"  {each}", "dim") for each in others)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n").join(lines)


def _nowhere(_text: str) -> None:
    """Take progress that nobody wants to see."""
