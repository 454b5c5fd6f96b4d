"""Asking many things at once, and living with those that get no answer."""

from __future__ import annotations

import contextlib
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING, Generic, TypeVar

from ducklake_registry.errors import ClusterUnreachable, DlrError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.pool import AsyncResult

T = TypeVar("T")

_AT_ONCE = 12


class Asked(Generic[T]):
    """A question that is under way, about one part of a report."""

    def __init__(self, part: str, answer: AsyncResult[T], unavailable: dict[str, DlrError]) -> None:
        self._part = part
        self._answer = answer
        self._unavailable = unavailable

    def get(self) -> T:
        """Wait for the answer, or raise the error that there was instead."""
        return self._answer.get()

    def known(self) -> T | None:
        """Wait for the answer; return None and note the reason where it cannot be had.

        Raises UsageError: what the user wrote is not a matter of the report.
        """
        try:
            return self.get()
        except UsageError:
            raise
        except DlrError as error:
            self._unavailable[self._part] = error
            return None

    def told(self) -> str:
        """Wait for the answer, and return it in words, or in words why it cannot be had."""
        try:
            return str(self.get())
        except DlrError as error:
            return error.message


class Questions:
    """The questions of one report, each asked in a thread of its own.

    `unavailable` has, for each part that could not be had, the error that says why.
    """

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self.unavailable: dict[str, DlrError] = {}

    def ask(self, part: str, question: Callable[[], T]) -> Asked[T]:
        """Start to ask about a part of the report."""
        return Asked(part, self._pool.apply_async(question), self.unavailable)

    def reasons(self) -> dict[str, str]:
        """Return, for each part that could not be had, why."""
        return {part: error.message for part, error in self.unavailable.items()}

    def no_cluster(self) -> ClusterUnreachable | None:
        """Return the error that says that the cluster itself cannot be asked, if it cannot."""
        errors = self.unavailable.values()
        return next((each for each in errors if isinstance(each, ClusterUnreachable)), None)


@contextlib.contextmanager
def asking(at_once: int = _AT_ONCE) -> Iterator[Questions]:
    """Give the means to ask many things at once, while the body runs.

    The threads do not keep the program from ending, so Ctrl-C is not held up by a server that does not answer.
    """
    with ThreadPool(at_once) as pool:
        yield Questions(pool)
