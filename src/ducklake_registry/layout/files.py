"""What both forms of an image in files share: places for blobs on their way, and errors of the disk."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ducklake_registry.errors import Busy, DlrError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ducklake_registry.layout.content import FilePart
    from ducklake_registry.oci import Descriptor
    from ducklake_registry.reference import Hash

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Incoming(Protocol):
    """A blob on its way into files; nobody takes it for the blob before `keep`."""

    def resume(self, hasher: Hash) -> int:
        """Let `hasher` take in what an earlier run has left, and tell how many bytes that was."""

    def write(self, piece: memoryview) -> None:
        """Write the bytes that come next."""

    def keep(self) -> None:
        """Take all that was written for the blob: it has been verified."""

    def discard(self) -> None:
        """Forget all that was written: it is something else."""


class Store(Protocol):
    """Files that the blobs of one image are put into, several at once if need be."""

    def holds(self, blob: Descriptor) -> bool:
        """Tell whether a blob is here whole; its bytes are read for it."""

    def incoming(self, blob: Descriptor) -> AbstractContextManager[Incoming]:
        """Open the place of a blob that is not here."""


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Translate what the disk says; raises UsageError, and DlrError where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(path, "what was saved stays, and the command goes on from there") from error
        raise UsageError(f"cannot write {path}: {error.strerror}", "name another place") from error


@contextmanager
def alone(descriptor: int, path: Path) -> Iterator[None]:
    """Keep other processes from writing an open file or folder, and close it in the end. Raises Busy."""
    try:
        if not _lock(descriptor, path):
            raise Busy(f"another dlr is writing {path}", "run this again when it is done")
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Whoever had it before us may just have given it its final name.
    return path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor))


def check_room(path: Path, needed: int) -> None:
    """Raise DlrError where `needed` bytes have no room on the disk of `path`, before any of them is moved."""
    free = shutil.disk_usage(path).free
    if needed > free:
        raise _full(path, f"{needed:,} bytes are needed and {free:,} are free")


def is_whole(part: FilePart, blob: Descriptor) -> bool:
    """Tell whether bytes in a file are a blob, by its digest."""
    return part.size == blob.size and part.digest(blob.digest.algorithm) == blob.digest


def write_at(descriptor: int, content: bytes | memoryview, offset: int) -> None:
    """Write all of some bytes at a place of an open file; a disk that fills up may take a part of them first."""
    left = memoryview(content)
    while left:
        count = os.pwrite(descriptor, left, offset)
        left, offset = left[count:], offset + count


def _full(path: Path, hint: str) -> DlrError:
    return DlrError(f"cannot write {path}: the disk is full", hint)
