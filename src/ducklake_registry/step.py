"""A step: one thing that a command sees to, with a title that a person can follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Report = Callable[[str], None]
"""Takes live text: what a step is doing or waiting for just now, and on further lines its parts."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to see to: `run` makes it so, or finds it so, and can be run again.

    `run` takes a Report and returns its outcome in a word or a few ("unchanged", "created"). It raises DlrError
    when it cannot. Making a Step does nothing, so that a list of them can be shown before anything is done.
    """

    title: str
    run: Callable[[Report], str]


def silent(_text: str) -> None:
    """Report nothing."""
