"""Writing a file in one go: a reader sees the old content or the new, never a part of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

FOR_ALL, FOR_ME = 0o666, 0o600
"""The rights of a new file, before the umask."""


@dataclass(slots=True)
class Replacement:
    """A file that is to take the place of another; a context manager that leaves no trace unless it was kept.

    A link stays a link, and a file stays its owner's, with the rights that it had. What is there and no file, such
    as /dev/stdout, is written to as it is.
    """

    _target: Path
    _partial: Path | None
    _descriptor: int

    @classmethod
    def of(cls, path: Path, rights: int = FOR_ALL) -> Self:
        """Open a place beside `path`; a new file will have `rights`. Raises OSError where none can be made."""
        target = path.resolve()
        if target.exists() and not target.is_file():
            return cls(target, None, os.open(target, os.O_WRONLY))
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
        return cls(target, partial, os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, rights))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def keep(self, content: bytes) -> None:
        """Write the content and take the other file's place. Raises OSError."""
        with os.fdopen(self._descriptor, "wb", closefd=False) as file:
            file.write(content)
        if self._partial:
            if self._target.exists():
                _take_after(self._descriptor, self._target.stat())
            self._partial.replace(self._target)
            self._partial = None

    def discard(self) -> None:
        """Close it, and remove what has not taken the other file's place."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._partial:
            self._partial.unlink(missing_ok=True)


def _take_after(descriptor: int, other: os.stat_result) -> None:
    with contextlib.suppress(PermissionError):  # `sudo dlr` in a user's home can, and others need not
        os.fchown(descriptor, other.st_uid, other.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(other.st_mode))
