"""Write an OCI image layout into a folder, so that an interrupted run can go on where it was.

A blob is under its digest's name only when it has been verified; before that it is a `.partial` beside it.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError
from ducklake_registry.layout.content import FilePart
from ducklake_registry.layout.files import alone, check_room, is_whole, telling, write_at
from ducklake_registry.layout.names import is_called_as
from ducklake_registry.layout.reading import open_layout
from ducklake_registry.oci import Descriptor, Index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ducklake_registry.layout.image import Image
    from ducklake_registry.reference import Hash

_LAYOUT = "oci-layout"
LAYOUT_VERSION = json.dumps({"imageLayoutVersion": "1.0.0"}).encode()


@dataclass(frozen=True, slots=True)
class LayoutFolder:
    """A folder that images are saved into."""

    path: Path

    def check(self) -> None:
        """Raise UsageError unless the folder is a layout already, or empty, or not there; change nothing."""
        with telling(self.path):
            found = {each.name for each in self.path.iterdir()} if self.path.exists() else set()
            # A run that was killed at its very first step has left no more than the last of these.
            if found and _LAYOUT not in found and found != {_partial_name(_LAYOUT)}:
                raise UsageError(f"{self.path} is neither empty nor an OCI layout", "name another folder")

    @contextmanager
    def receiving(self, image: Image, names: Mapping[str, str]) -> Iterator[LayoutFolder]:
        """Take an image's blobs within the block; at its end list the image, with `names` as annotations.

        One that had its name goes out of the list. Raises UsageError, and DlrError where the disk is full.
        """
        self.check()
        with telling(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        with alone(descriptor, self.path):
            with telling(self.path):
                # Before all else: by this file the next run knows that the folder is ours.
                _replace(self.path / _LAYOUT, LAYOUT_VERSION)
                check_room(self.path, self.missing(image, names))
            yield self
            with telling(self.path):
                for manifest in image.manifests:
                    self._write(manifest.descriptor, manifest.raw)
                self._list(image.root.descriptor, names)

    def missing(self, image: Image, _names: Mapping[str, str]) -> int:
        """Tell how many bytes of an image's blobs are not here, by the sizes of files alone."""
        return sum(map(self._missing, image.blobs))

    def holds(self, blob: Descriptor) -> bool:
        """Tell whether a blob is here whole; what has its name but not its content is removed."""
        file = self._file(blob)
        with telling(file):
            if not file.exists():
                return False
            if is_whole(FilePart(file, file.stat().st_size), blob):
                return True
            file.unlink()
            return False

    @contextmanager
    def incoming(self, blob: Descriptor) -> Iterator[IncomingFile]:
        """Open the file that a blob is written to before it is verified."""
        partial = self._partial(blob)
        with telling(partial):
            partial.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            yield IncomingFile(partial, self._file(blob), descriptor)
        finally:
            os.close(descriptor)

    def _missing(self, blob: Descriptor) -> int:
        if self._file(blob).exists():
            return 0
        partial = self._partial(blob)
        return blob.size - (partial.stat().st_size if partial.exists() else 0)

    def _write(self, blob: Descriptor, content: bytes) -> None:
        self._file(blob).parent.mkdir(parents=True, exist_ok=True)
        _replace(self._file(blob), content)

    def _list(self, image: Descriptor, names: Mapping[str, str]) -> None:
        known = open_layout(self.path).images if (self.path / "index.json").exists() else ()
        named = Descriptor(image.media_type, image.digest, image.size, image.platform, names)
        others = [one for one in known if not is_called_as(one, named)]
        _replace(self.path / "index.json", Index.of([*others, named]).raw)

    def _file(self, blob: Descriptor) -> Path:
        return self.path / "blobs" / blob.digest.algorithm / blob.digest.hex

    def _partial(self, blob: Descriptor) -> Path:
        file = self._file(blob)
        return file.with_name(_partial_name(file.name))


@dataclass(slots=True)
class IncomingFile:
    """A blob on its way into a file of its own."""

    partial: Path
    file: Path
    _descriptor: int
    _offset: int = field(default=0)

    def resume(self, hasher: Hash) -> int:
        """Let `hasher` take in what an earlier run has left, and tell how many bytes that was."""
        with telling(self.partial):
            part = FilePart(self.partial, os.fstat(self._descriptor).st_size)
            for piece in part.pieces(0, part.size):
                hasher.update(piece)
        self._offset = part.size
        return part.size

    def write(self, piece: memoryview) -> None:
        """Write the bytes that come next. Raises DlrError where the disk is full."""
        with telling(self.partial):
            write_at(self._descriptor, piece, self._offset)
        self._offset += len(piece)

    def keep(self) -> None:
        """Give the verified blob its name."""
        with telling(self.file):
            self.partial.replace(self.file)

    def discard(self) -> None:
        """Remove what is not the blob."""
        self.partial.unlink()


def _partial_name(name: str) -> str:
    return f"{name}.partial"


def _replace(path: Path, content: bytes) -> None:
    """Replace a file in one step: a reader sees the old content or the new."""
    partial = path.with_name(_partial_name(path.name))
    partial.write_bytes(content)
    partial.replace(path)
