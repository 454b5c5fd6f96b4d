"""Write an image into a tar archive: an OCI image layout, that `docker load` of older engines reads too.

It grows under another name and gets its own when it is whole. A blob's header is written when the blob has been
verified; until then its place tells how much of the blob is there, so that an interrupted run can go on.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError
from ducklake_registry.layout.content import FilePart
from ducklake_registry.layout.files import alone, check_room, is_whole, telling, write_at
from ducklake_registry.layout.plan import Plan
from ducklake_registry.layout.reading import open_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ducklake_registry.layout.image import Image
    from ducklake_registry.layout.plan import Member
    from ducklake_registry.oci import Descriptor
    from ducklake_registry.reference import Hash

# A note of how much is there costs little, and losing this much little too.
_NOTE_EVERY = 8 * 1024 * 1024
_NOTE = b"dlr: bytes of this blob that are here: %d\n"


@dataclass(frozen=True, slots=True)
class LayoutArchive:
    """A tar archive that one image is saved into."""

    path: Path

    def check(self) -> None:
        """Raise UsageError where something else than an archive of images has this name; change nothing."""
        with telling(self.path):
            if self.path.exists():
                _check_is_archive(self.path)

    @contextmanager
    def receiving(self, image: Image, names: Mapping[str, str]) -> Iterator[ArchiveStore]:
        """Take an image's blobs within the block; at its end the archive has its name.

        Raises UsageError, Busy while another `dlr` writes it, and DlrError where the disk is full.
        """
        self.check()
        plan = Plan.of(image, names)
        if self._is_whole(plan, image):
            yield ArchiveStore(self.path, plan, -1, whole=True)
            return
        with _opened(self._partial) as descriptor:
            store = ArchiveStore(self._partial, plan, descriptor)
            with telling(self._partial):
                store.begin(image)
            yield store
            with telling(self.path):
                self._partial.replace(self.path)

    def missing(self, image: Image, names: Mapping[str, str]) -> int:
        """Tell how many bytes of an image's blobs are not here yet."""
        plan = Plan.of(image, names)
        if self._is_whole(plan, image):
            return 0
        if not self._partial.exists():
            return sum(blob.size for blob in image.blobs)
        with telling(self._partial), self._partial.open("rb") as file:
            return ArchiveStore(self._partial, plan, file.fileno()).missing(image)

    @property
    def _partial(self) -> Path:
        return self.path.with_name(f"{self.path.name}.partial")

    def _is_whole(self, plan: Plan, image: Image) -> bool:
        with telling(self.path):
            if not self.path.exists() or self.path.stat().st_size != plan.size:
                return False
            with self.path.open("rb") as file:
                if file.read(len(plan.head)) != plan.head:
                    return False
                store = ArchiveStore(self.path, plan, file.fileno())
                return all(map(store.holds, image.blobs))


@dataclass(frozen=True, slots=True)
class ArchiveStore:
    """An archive that is being written, or one that was found whole."""

    path: Path
    plan: Plan
    descriptor: int
    whole: bool = False

    def holds(self, blob: Descriptor) -> bool:
        """Tell whether a blob is here whole."""
        if self.whole:
            return True
        member = self.plan.members[blob.digest]
        with telling(self.path):
            if os.pread(self.descriptor, len(member.header), member.offset) != member.header:
                return False
            return is_whole(FilePart(self.path, blob.size, member.content_offset), blob)

    def begin(self, image: Image) -> None:
        """Go on with an archive that was begun for the same image, else begin anew."""
        if not self._is_begun():
            os.ftruncate(self.descriptor, 0)
        check_room(self.path, self.missing(image))
        os.ftruncate(self.descriptor, self.plan.size)
        write_at(self.descriptor, self.plan.head, 0)

    def missing(self, image: Image) -> int:
        """Tell how many bytes of an image's blobs are not here, by what the archive says."""
        here = sum(map(self._here, image.blobs)) if self._is_begun() else 0
        return sum(blob.size for blob in image.blobs) - here

    def _is_begun(self) -> bool:
        head = os.pread(self.descriptor, len(self.plan.head), 0)
        return head == self.plan.head and os.fstat(self.descriptor).st_size == self.plan.size

    def _here(self, blob: Descriptor) -> int:
        member = self.plan.members[blob.digest]
        start = os.pread(self.descriptor, len(member.header), member.offset)
        return blob.size if start == member.header else min(_read_note(start), blob.size)

    @contextmanager
    def incoming(self, blob: Descriptor) -> Iterator[IncomingMember]:
        """Open the place of a blob in the archive."""
        incoming = IncomingMember(self.path, self.descriptor, self.plan.members[blob.digest])
        try:
            yield incoming
        finally:
            incoming.leave()


@dataclass(slots=True)
class IncomingMember:
    """A blob on its way into its place in an archive."""

    path: Path
    descriptor: int
    member: Member
    _size: int = 0
    _noted: int = 0
    _kept: bool = False

    def resume(self, hasher: Hash) -> int:
        """Let `hasher` take in what an earlier run has left, and tell how many bytes that was."""
        with telling(self.path):
            noted = os.pread(self.descriptor, len(self.member.header), self.member.offset)
            self._size = self._noted = _read_note(noted)
            for piece in FilePart(self.path, self._size, self.member.content_offset).pieces(0, self._size):
                hasher.update(piece)
        return self._size

    def write(self, piece: memoryview) -> None:
        """Write the bytes that come next. Raises DlrError where the disk is full."""
        with telling(self.path):
            write_at(self.descriptor, piece, self.member.content_offset + self._size)
            self._size += len(piece)
            if self._size - self._noted >= _NOTE_EVERY:
                self._note(self._size)

    def keep(self) -> None:
        """Give the verified blob its header, which makes it one of the archive's members."""
        with telling(self.path):
            write_at(self.descriptor, self.member.header, self.member.offset)
        self._kept = True

    def discard(self) -> None:
        """Forget what is not the blob."""
        self._size = 0

    def leave(self) -> None:
        """Note how much is here of what was not kept."""
        if not self._kept:
            with telling(self.path):
                self._note(self._size)

    def _note(self, size: int) -> None:
        note = (_NOTE % size).ljust(len(self.member.header), b"\0")
        write_at(self.descriptor, note, self.member.offset)
        self._noted = size


def _check_is_archive(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"{path} is there, and is no file", "name another file")
    try:
        open_layout(path)
    except UsageError as error:
        raise UsageError(f"{path} is there, and is no archive of images", "name another file") from error


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open an archive for writing, alone. Raises Busy."""
    with telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    with alone(descriptor, path):
        yield descriptor


def _read_note(noted: bytes) -> int:
    before, _, after = _NOTE.partition(b"%d")
    digits = noted.removeprefix(before).partition(after)[0]
    return int(digits) if noted.startswith(before) and digits.isdigit() else 0
