"""A head start: while something slow is waited for, what comes after it is begun."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from ducklake_registry.errors import DlrError
from ducklake_registry.step import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ducklake_registry.step import Report
    from ducklake_registry.waiting import Deadline

    Ensure = Callable[[Report], str]

_INTERVAL = 0.5


class HeadStart:
    """Runs ensures, in order, beside the block; each is tried until it succeeds or the block has ended.

    What fails here is not told: the ensure comes again as a step of its own, and tells it then.
    """

    def __init__(self, ensures: Sequence[Ensure], deadline: Deadline) -> None:
        self._ensures = ensures
        self._deadline = deadline
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Let what is being done come to its end, unless the block failed: then nobody needs it."""
        self._over.set()
        if kind is None:
            self._thread.join(self._deadline.remaining)

    def _run(self) -> None:
        for ensure in self._ensures:
            while not self._succeeds(ensure):
                if self._over.wait(_INTERVAL):
                    return

    def _succeeds(self, ensure: Ensure) -> bool:
        try:
            ensure(silent)
        except DlrError:
            return False
        return True
