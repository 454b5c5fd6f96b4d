"""Archives that were compressed as a whole: `docker save IMAGE | gzip`."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from ducklake_registry.errors import UsageError
from ducklake_registry.layout.content import PIECE
from ducklake_registry.layout.files import telling

if TYPE_CHECKING:
    from collections.abc import Iterator

GZIP, ZSTD, _BZIP2, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
_LONGEST = 6


@contextmanager
def uncompressed(path: Path) -> Iterator[Path]:
    """Give a file without its compression: itself, or a temporary one that goes with the block.

    Its members can be found and read again only there. Raises UsageError, OSError, EOFError, zlib.error, and
    DlrError where the disk is full.
    """
    with path.open("rb") as file:
        start = file.read(_LONGEST)
    if start.startswith(ZSTD):
        raise UsageError(f"{path} is compressed with zstd", f"unpack it first: zstd -d {path}")
    if not start.startswith((GZIP, _BZIP2, _XZ)):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="dlr-", suffix=".tar") as plain:
        with _decompressor(path, start) as packed:
            _copy(packed, cast("BinaryIO", plain), Path(plain.name))
        yield Path(plain.name)


def _decompressor(path: Path, start: bytes) -> BinaryIO:
    if start.startswith(GZIP):
        import gzip

        return cast("BinaryIO", gzip.open(path))
    if start.startswith(_XZ):
        import lzma

        return cast("BinaryIO", lzma.open(path))
    import bz2

    return cast("BinaryIO", bz2.open(path))


def _copy(packed: BinaryIO, plain: BinaryIO, path: Path) -> None:
    """Unpack; what cannot be read and what cannot be written are different errors."""
    while piece := packed.read(PIECE):
        with telling(path):
            plain.write(piece)
    with telling(path):
        plain.flush()
