"""`FilePart`: bytes of a file, from any place on, as often as they are needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

# Bytes read, hashed and written at once: small enough to stay in the processor's cache all the while. By
# measurement pieces of a megabyte take half as much processor time again, and those of half this size a tenth.
PIECE = 512 * 1024

# What an index or a config may be large, in bytes; larger is no such thing.
_SMALL = 4 * 1024 * 1024


# What the kernel is asked to send at once: few calls, and still a progress that moves.
_SLICE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Bytes of an open file that a connection may have the kernel send, without copying them here."""

    file: FileIO
    offset: int
    size: int

    def __len__(self) -> int:
        return self.size

    def pieces(self) -> Iterator[memoryview]:
        """Give the bytes for those who must see them; each piece is overwritten by the next."""
        return _pieces(self.file, self.offset, self.offset + self.size)


@dataclass(frozen=True, slots=True)
class FilePart:
    """`size` bytes of a file from `offset` on: a whole file, or a member of a tar archive."""

    path: Path
    size: int
    offset: int = 0

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """Give the bytes from `start` up to before `end`; each piece is overwritten by the next."""
        with self.path.open("rb", buffering=0) as file:
            yield from _pieces(file, self.offset + start, self.offset + end)

    def slices(self, start: int, end: int) -> Iterator[FileSlice]:
        """Give the bytes from `start` up to before `end` without reading them."""
        with self.path.open("rb", buffering=0) as file:
            while start < end:
                size = min(_SLICE, end - start)
                yield FileSlice(file, self.offset + start, size)
                start += size

    def read(self) -> bytes:
        """Read everything; for what is small."""
        return b"".join(map(bytes, self.pieces(0, self.size)))

    def digest(self, algorithm: str = "sha256") -> Digest:
        """Read everything for its digest."""
        hasher = hashlib.new(algorithm)
        for piece in self.pieces(0, self.size):
            hasher.update(piece)
        return Digest(f"{algorithm}:{hasher.hexdigest()}")


@dataclass(frozen=True, slots=True)
class InMemory:
    """Content that is small enough to be kept."""

    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.content)

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """Give the bytes from `start` up to before `end`."""
        yield memoryview(self.content)[start:end]

    def read(self) -> bytes:
        """Return everything."""
        return self.content


Part = FilePart | InMemory
"""Where the bytes of a blob are."""


def _pieces(file: FileIO, start: int, end: int) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(min(PIECE, max(end - start, 0))))
    file.seek(start)
    while start < end and (count := file.readinto(buffer[: end - start])):
        start += count
        yield buffer[:count]


def read_small(part: Part, what: str) -> bytes:
    """Read what should be small; raises UsageError where it is not."""
    if part.size > _SMALL:
        raise UsageError(f"{what} is {part.size:,} bytes large: it is not read")
    return part.read()
