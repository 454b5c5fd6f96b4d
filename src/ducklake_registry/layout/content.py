"""`FilePart`: bytes of a file, from any place on, as often as they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Bytes read, hashed and written at once: small enough to stay in the processor's cache all the while. Measured
# with benchmarks/transfer.py, pieces of a megabyte take half as much processor time again.
PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class FilePart:
    """`size` bytes of a file from `offset` on: a whole file, or a member of a tar archive."""

    path: Path
    size: int
    offset: int = 0

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """Give the bytes from `start` up to before `end`; each piece is overwritten by the next."""
        buffer = memoryview(bytearray(min(PIECE, max(end - start, 0))))
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset + start)
            while start < end and (count := file.readinto(buffer[: end - start])):
                start += count
                yield buffer[:count]

    def read(self) -> bytes:
        """Read everything; for what is small."""
        return b"".join(map(bytes, self.pieces(0, self.size)))
