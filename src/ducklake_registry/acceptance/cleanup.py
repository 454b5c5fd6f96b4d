"""`Cleanup`: what was made is removed again, the last first, however the work ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from ducklake_registry.errors import ClusterUnreachable, DlrError, NotFound, RegistryUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


_STILL_AT_IT = 0.5
"""Seconds that a server may be busy with a request whose connection has ended."""


@dataclass(frozen=True, slots=True)
class _Removal:
    """How to remove something; `place` is who is asked for it."""

    what: str
    place: str
    remove: Callable[[], object]


@dataclass(slots=True)
class Cleanup:
    """A stack of removals; a context manager that does them all at its end.

    A removal is put on it *before* the thing is made: what is interrupted half-way is removed too, and what is
    not there counts as removed. `left_behind` tells what could not be removed, and why.
    """

    left_behind: list[str] = field(default_factory=list)
    _removals: list[_Removal] = field(default_factory=list)
    _silent: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cut_off = kind is not None and not issubclass(kind, Exception)
        once_more = list(self._removals) if cut_off else []
        self.unwind()
        if once_more and not self.left_behind:
            # What was asked for last may have been done after it was removed: who was asked did not stop with us.
            time.sleep(_STILL_AT_IT)
            self._removals = once_more
            self.unwind()

    def add(self, what: str, remove: Callable[[], object], place: str = "registry") -> None:
        """Remember how to remove something, and who is asked for it: who does not answer is asked only once."""
        self._removals.append(_Removal(what, place, remove))

    def forget_last(self) -> None:
        """Remove nothing for what was put here last: it could not be made."""
        self._removals.pop()

    @property
    def complete(self) -> bool:
        """Whether nothing is left that was made."""
        return not self.left_behind and not self._removals

    def unwind(self) -> None:
        """Remove everything; one that cannot be removed does not keep the others.

        Nor does one Ctrl-C more, or one SIGTERM (SystemExit): a CI job that is cancelled gets both, the one some
        seconds after the other.
        """
        interrupted: dict[type[BaseException], BaseException] = {}
        while self._removals:
            try:
                self._remove(self._removals[-1])
            except (KeyboardInterrupt, SystemExit) as error:
                if type(error) in interrupted:
                    raise
                interrupted[type(error)] = error
            else:
                self._removals.pop()
        for each in interrupted.values():
            raise each

    def _remove(self, removal: _Removal) -> None:
        if removal.place in self._silent:
            self.left_behind.append(f"{removal.what}: the {removal.place} does not answer")
            return
        try:
            removal.remove()
        except NotFound:
            pass
        except DlrError as error:
            self.left_behind.append(f"{removal.what}: {error.message}")
            if isinstance(error, RegistryUnreachable | ClusterUnreachable):
                self._silent.add(removal.place)
