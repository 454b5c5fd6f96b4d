"""Images in files: an OCI image layout as a folder or a tar archive, which `docker save` writes since 25.

Source: "OCI Image Layout Specification" of the OCI image specification 1.1.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.errors import InvalidAnswer, UsageError
from ducklake_registry.layout.content import FilePart
from ducklake_registry.oci import Descriptor, Index, Manifest, media_types, parse_manifest
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REF_NAME = "org.opencontainers.image.ref.name"
# What an index or a config may be large, in bytes; larger is no such thing.
_SMALL = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Layout:
    """Images that were opened for reading: an index of them, and where the bytes of each digest are."""

    path: Path
    images: tuple[Descriptor, ...]
    parts: Mapping[Digest, FilePart]

    def part(self, descriptor: Descriptor) -> FilePart:
        """Say where a blob is; raises UsageError where it is not there, or of another size."""
        part = self.parts.get(descriptor.digest)
        if part is None:
            raise UsageError(f"{self.path} is not complete: {descriptor.digest} is not in it", "save it again")
        if part.size != descriptor.size:
            sizes = f"{part.size:,} bytes instead of {descriptor.size:,}"
            raise UsageError(f"{self.path} is damaged: {descriptor.digest} is {sizes}", "save it again")
        return part

    def manifest(self, descriptor: Descriptor) -> Manifest | Index:
        """Read a manifest or an index, verified; raises UsageError."""
        raw = _read_small(self.part(descriptor), str(descriptor.digest))
        if Digest.of(raw, descriptor.digest.algorithm) != descriptor.digest:
            raise UsageError(
                f"{self.path} is damaged: {descriptor.digest} has the digest {Digest.of(raw)}", "save it again"
            )
        try:
            return parse_manifest(raw, descriptor.media_type, descriptor.digest)
        except InvalidAnswer as error:
            raise UsageError(f"{self.path}: {error.message}", error.hint) from error

    def image(self, name: str | None = None) -> Descriptor:
        """Choose an image by its name; without one there may be but one. Raises UsageError."""
        found = [image for image in self.images if name in (None, image.annotations.get(REF_NAME, ""))]
        if len(found) == 1:
            return found[0]
        names = ", ".join(image.annotations.get(REF_NAME, str(image.digest)) for image in self.images) or "none"
        raise UsageError(f"{self.path} has {len(found)} images {f'called {name}' if name else ''}: {names}")


def open_layout(path: Path) -> Layout:
    """Open a folder or a tar archive; raises UsageError that says what is wrong with it."""
    try:
        if path.is_dir():
            return _open_folder(path)
        return _open_archive(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"{error.filename} is not there", "an OCI layout has oci-layout and index.json"
        ) from error
    except (OSError, tarfile.TarError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}", "it should be an OCI layout or a tar archive"
        ) from error


def _open_folder(path: Path) -> Layout:
    for name in ("oci-layout", "index.json"):
        (path / name).stat()
    index = path / "index.json"
    images = _images(FilePart(index, index.stat().st_size), str(index))
    parts = {}
    for file in path.glob("blobs/*/*"):
        if (digest := _digest(f"{file.parent.name}:{file.name}")) and file.is_file():
            parts[digest] = FilePart(file, file.stat().st_size)
    return Layout(path, images, parts)


def _open_archive(path: Path) -> Layout:
    with tarfile.open(path, "r:") as archive:
        files = {
            member.name.removeprefix("./"): FilePart(path, member.size, member.offset_data)
            for member in archive
            if member.isreg()
        }
    if "index.json" in files:
        parts = {digest: part for name, part in files.items() if (digest := _member_digest(name))}
        return Layout(path, _images(files["index.json"], f"{path}: index.json"), parts)
    raise UsageError(
        f"{path} has no index.json in it", "it should be an OCI layout, or what docker save of 25 writes"
    )


def _images(part: FilePart, what: str) -> tuple[Descriptor, ...]:
    try:
        index = parse_manifest(_read_small(part, what), media_types.OCI_INDEX)
    except InvalidAnswer as error:
        raise UsageError(f"{what}: {error.message}") from error
    if isinstance(index, Index):
        return index.manifests
    raise UsageError(f"{what} is not an index")


def _read_small(part: FilePart, what: str) -> bytes:
    if part.size > _SMALL:
        raise UsageError(f"{what} is {part.size:,} bytes large: it is not read")
    return part.read()


def _member_digest(name: str) -> Digest | None:
    folder, _, rest = name.partition("/")
    return _digest(rest.replace("/", ":", 1)) if folder == "blobs" else None


def _digest(text: str) -> Digest | None:
    """Read a digest out of a file's name; other files may lie among the blobs."""
    try:
        return Digest(text)
    except UsageError:
        return None
