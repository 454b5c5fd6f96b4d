"""The one owner of the terminal while a command works: progress of its steps, messages, questions."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import RenderableType

    from ducklake_registry.errors import DlrError
    from ducklake_registry.step import Report, Step

T = TypeVar("T")

_QUIET_SECONDS = 5.0
"""Where there is no screen to redraw, what a step waits for is written this often at the most."""

_ANY_WIDTH = 1000


@cache
def stdout() -> Console:
    """Return the console for results; without a screen lines are as long as they like, for grep and its kind."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, soft_wrap=True, width=None if "COLUMNS" in os.environ else _ANY_WIDTH)


class Terminal:
    """Where a command tells what it does: stderr, so that stdout holds nothing but results.

    With `quiet` only errors are told, with `verbose` also what would interest somebody who looks for a fault.
    """

    def __init__(self, *, verbose: bool = False, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._verbose = verbose
        self._quiet = quiet
        self._said = ""

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
        shown = _Plain(self._console, title) if self._quiet or not self._console.is_terminal else None
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
        if not self._quiet:
            took = spoken_duration(time.monotonic() - started)
            text = Text.assemble(f"{title}: ", outcome, (f" ({took})", "dim"))
            self._console.print(_marked(Text(mark, style), text, wrap=self._console.is_terminal), soft_wrap=True)

    def output(self, line: str) -> None:
        """Show a line of what another program says, as it comes; it stays."""
        if not self._quiet:
            self._console.print(Text.from_ansi(line, style="dim"), soft_wrap=True)

    @contextmanager
    def working(self, title: str) -> Iterator[Report]:
        """Show what is being looked at while the block lasts, and nothing of it on a screen afterwards."""
        if self._quiet:
            yield _nowhere
        elif not self._console.is_terminal:
            yield _Plain(self._console, title).report
        else:
            with self._console.status(Text(title)) as status:
                yield lambda text: status.update(_line(title, text, self._console.width - 4))

    def note(self, text: str) -> None:
        """Tell something that a person should know, unless they asked for quiet."""
        if not self._quiet:
            self._console.print(Text(text), soft_wrap=True)

    def once(self, text: str) -> None:
        """Note something unless it was the last thing that was noted so: for what is said again and again."""
        if text != self._said:
            self._said = text
            self.note(text)

    def detail(self, text: str) -> None:
        """Tell something that only matters to somebody who looks for a fault."""
        if self._verbose:
            self._console.print(Text(text, style="dim"), soft_wrap=True)

    def show(self, picture: RenderableType, *, as_it_is: bool = False) -> None:
        """Show something on stderr, unless quiet was asked for; `as_it_is` leaves long lines to the screen."""
        if not self._quiet:
            self._console.print(picture, soft_wrap=as_it_is or not self._console.is_terminal)

    def error(self, error: DlrError) -> None:
        """Tell what went wrong: one line, the evidence, and what to type."""
        self._console.print(Text.assemble(("error: ", "bold red"), error.message), soft_wrap=True)
        for line in error.details:
            self._console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
        if error.hint:
            self._console.print(Text.assemble(("hint: ", "bold cyan"), error.hint), soft_wrap=True)

    @property
    def can_ask(self) -> bool:
        """Whether there is a person at the keyboard."""
        return sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Ask a person for a yes; anything else is a no."""
        self._console.print(Text(f"{question} [y/N] "), end="")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}


class _Plain:
    """A step's progress where lines stay: its title, then what it waits for when that has changed."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._last = ""
        self._next = time.monotonic() + _QUIET_SECONDS

    def report(self, text: str) -> None:
        text = text.partition("\n")[0]
        if text != self._last and time.monotonic() >= self._next:
            self._console.print(Text(f"… {self._title}: {text}"), soft_wrap=True)
            self._last, self._next = text, time.monotonic() + _QUIET_SECONDS


def _marked(mark: Text, text: Text, *, wrap: bool) -> RenderableType:
    """Return a line with a mark before it; on a screen what does not fit goes on under the text."""
    if not wrap:
        return Text.assemble(mark, " ", text)
    grid = Table.grid(padding=(0, 1))
    grid.add_row(mark, text)
    return grid


def _line(title: str, text: str, width: int) -> Text:
    """Return a step's title with its live text; further lines of that come under it."""
    first, *others = text.split("\n")
    lines = [Text.assemble(title, (f"  {first}", "dim")), *(Text(f"  {each}", "dim") for each in others)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n").join(lines)


def _nowhere(_text: str) -> None:
    """Take progress that nobody wants to see."""
