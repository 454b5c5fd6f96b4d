"""One `dlr` at a time on a cluster.

The lock is the kernel's (flock), so it ends with those who hold it, however they end. Programs that `dlr` starts
inherit it: when `dlr` is killed while `kind` is at work, the lock lasts until that `kind` has ended too, and the
next `dlr` finds what it left instead of working beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake_registry.errors import Busy, TimeoutExpired
from ducklake_registry.step import Report, silent
from ducklake_registry.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def exclusive(name: str, deadline: Deadline, report: Report = silent) -> Iterator[None]:
    """Hold the lock `name` (a kube context's) while the body runs.

    Waits for another holder until the deadline, and then raises Busy.
    """
    descriptor = _open(name)
    try:
        _take(descriptor, name, deadline, report)
        _sign(descriptor)
        os.set_inheritable(descriptor, True)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, name: str, deadline: Deadline, report: Report) -> None:
    def probe() -> bool | NotYet:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return NotYet(f"another dlr (process {_signature(descriptor)}) is at work on {name}")
        return True

    try:
        wait_for(f"the lock on {name}", probe, deadline, report)
    except TimeoutExpired as error:
        hint = "wait for it to end, or give this one more time with --timeout"
        raise Busy(f"process {_signature(descriptor)} is still at work on {name}", hint) from error


def _sign(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _signature(descriptor: int) -> str:
    return os.pread(descriptor, 20, 0).decode() or "unknown"


def _open(name: str) -> int:
    """Open the file of a lock, in a folder of the user's own. Raises Busy where that cannot be had."""
    folder = Path(tempfile.gettempdir()) / f"dlr-{os.getuid()}"
    hint = "set TMPDIR to a folder of your own"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise Busy(f"{folder} is not ours to lock in", hint)
        path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.lock"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Busy(f"cannot lock in {folder}: {error.strerror}", hint) from error
