"""Writing a file in one go: a reader sees the old content or the new, never a part of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

FOR_ALL, FOR_ME = 0o666, 0o600
"""The rights of a new file, before the umask."""


@contextlib.contextmanager
def replacing(path: Path, rights: int = FOR_ALL) -> Iterator[BinaryIO]:
    """Give a file that takes the place of `path` when the block ends well, and leaves no trace when it does not.

    A link stays a link, and a file stays its owner's, with the rights that it had; a new one has `rights`. What
    is there and no file, such as /dev/stdout, is written to as it is. Raises OSError, before the block where no
    file can be made there.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, rights)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if target.exists():
                _take_after(descriptor, target.stat())
            yield file
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _take_after(descriptor: int, other: os.stat_result) -> None:
    with contextlib.suppress(PermissionError):  # `sudo dlr` in a user's home can, and others need not
        os.fchown(descriptor, other.st_uid, other.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(other.st_mode))
