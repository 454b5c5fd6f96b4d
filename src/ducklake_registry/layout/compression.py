"""Archives that were compressed as a whole: `docker save IMAGE | gzip`, or `| zstd`."""

from __future__ import annotations

import sys
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
    if not start.startswith((GZIP, ZSTD, _BZIP2, _XZ)):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="dlr-", suffix=".tar") as plain:
        _write(_unpacked(path, start), cast("BinaryIO", plain), Path(plain.name))
        yield Path(plain.name)


def _unpacked(path: Path, start: bytes) -> Iterator[bytes]:
    if start.startswith(ZSTD):
        yield from _unpacked_by_zstd(path)
        return
    with _decompressor(path, start) as packed:
        while piece := packed.read(PIECE):
            yield piece


def _decompressor(path: Path, start: bytes) -> BinaryIO:
    if start.startswith(GZIP):
        import gzip

        return cast("BinaryIO", gzip.open(path))
    if start.startswith(_XZ):
        import lzma

        return cast("BinaryIO", lzma.open(path))
    import bz2

    return cast("BinaryIO", bz2.open(path))


def _unpacked_by_zstd(path: Path) -> Iterator[bytes]:
    """Unpack frame after frame (RFC 8878, section 3), in pieces of a limited size; each takes at most 128 MiB.

    The library's own reader takes whatever follows a frame for its end. Raises UsageError, OSError, EOFError.
    """
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    with path.open("rb") as file:
        frame = zstd.ZstdDecompressor()
        try:
            while packed := (frame.unused_data if frame.eof else b"") or file.read(PIECE):
                if frame.eof:
                    frame = zstd.ZstdDecompressor()
                yield frame.decompress(packed, PIECE)
                while not (frame.eof or frame.needs_input):
                    yield frame.decompress(b"", PIECE)
        except zstd.ZstdError as error:
            raise UsageError(
                f"{path} cannot be unpacked: {error}", f"see what is wrong with it: zstd --test {path}"
            ) from error
        if not frame.eof:
            raise EOFError("it was cut short")


def _write(pieces: Iterator[bytes], plain: BinaryIO, path: Path) -> None:
    """Write what is unpacked; what cannot be read and what cannot be written are different errors."""
    for piece in pieces:
        with telling(path):
            plain.write(piece)
    with telling(path):
        plain.flush()
