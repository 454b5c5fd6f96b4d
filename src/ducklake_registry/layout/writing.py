"""Write an OCI image layout into a folder, so that an interrupted run can go on where it was.

A blob is under its digest's name only when it has been verified; before that it is a `.partial` beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ducklake_registry.errors import UsageError
from ducklake_registry.layout.content import FilePart
from ducklake_registry.layout.reading import REF_NAME, open_layout
from ducklake_registry.oci import Descriptor, Index

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = {"imageLayoutVersion": "1.0.0"}


@dataclass(frozen=True, slots=True)
class LayoutFolder:
    """A folder that images are saved into."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the folder, or take one that is a layout already or empty; raises UsageError."""
        layout = cls(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not (path / "oci-layout").exists() and any(path.iterdir()):
                raise UsageError(f"{path} is neither empty nor an OCI layout", "name another folder")
            (path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            _write(path / "oci-layout", json.dumps(_VERSION).encode())
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        return layout

    def holds(self, blob: Descriptor) -> bool:
        """Tell whether a blob is here whole; what has its name but not its content is removed."""
        file = self._file(blob)
        if not file.exists():
            return False
        hasher = blob.digest.hasher()
        for piece in FilePart(file, file.stat().st_size).pieces(0, file.stat().st_size):
            hasher.update(piece)
        if f"{blob.digest.algorithm}:{hasher.hexdigest()}" == blob.digest:
            return True
        file.unlink()
        return False

    def partial(self, blob: Descriptor) -> Path:
        """Name the file that a blob is written to before it is verified; its folder is there."""
        file = self._file(blob)
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.with_name(f"{file.name}.partial")

    def keep(self, blob: Descriptor) -> None:
        """Give a verified blob its name."""
        self.partial(blob).replace(self._file(blob))

    def write(self, blob: Descriptor, content: bytes) -> None:
        """Write a blob that is at hand and verified."""
        self.partial(blob).write_bytes(content)
        self.keep(blob)

    def add(self, image: Descriptor, name: str) -> None:
        """List an image in the index, in place of one that had its name. All its blobs must be here."""
        known = open_layout(self.path).images if (self.path / "index.json").exists() else ()
        others = [one for one in known if one.annotations.get(REF_NAME, "") != name]
        named = Descriptor(
            image.media_type, image.digest, image.size, image.platform, {REF_NAME: name} if name else {}
        )
        _write(self.path / "index.json", Index.of([*others, named]).raw)

    def _file(self, blob: Descriptor) -> Path:
        return self.path / "blobs" / blob.digest.algorithm / blob.digest.hex


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step: a reader sees the old content or the new."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
