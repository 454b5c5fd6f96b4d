"""Images in files: an OCI image layout as a folder or a tar archive, or what `docker save` writes.

Since 25 that is an OCI layout too; what earlier engines wrote is converted while it is read.

Source: "OCI Image Layout Specification" of the OCI image specification 1.1.
"""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.errors import InvalidAnswer, UsageError
from ducklake_registry.layout.compression import uncompressed
from ducklake_registry.layout.content import FilePart, read_small
from ducklake_registry.layout.docker_archive import converted
from ducklake_registry.layout.image import gather
from ducklake_registry.layout.names import names_of
from ducklake_registry.oci import Descriptor, Index, Manifest, media_types, parse_manifest
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ducklake_registry.layout.content import Part
    from ducklake_registry.layout.image import Image
    from ducklake_registry.oci import Platform


class _Missing(UsageError):
    """Something that an image consists of is not there at all."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Images that were opened for reading: an index of them, and where the bytes of each digest are."""

    path: Path
    images: tuple[Descriptor, ...]
    parts: Mapping[Digest, Part]

    def gathered(self, image: Descriptor, platform: Platform | None) -> Image:
        """Collect what an image consists of, of one platform or of all, and see that it is here.

        Engines that keep images in containerd save an index of all platforms with the content of their own only.
        Raises UsageError, which tells for which platforms the image is here, and NotFound as `gather` does.
        """
        try:
            return self._gathered(image, platform)
        except _Missing as error:
            here = [] if platform else self._platforms(image)
            if not here:
                raise
            raise UsageError(
                f"{self.path} does not have all platforms of the image, only {', '.join(here)}",
                f"load what is there: --platform {here[0]}",
            ) from error

    def _gathered(self, image: Descriptor, platform: Platform | None) -> Image:
        found = gather(self.manifest, image, platform, self.config)
        for blob in found.blobs:
            self.part(blob)
        return found

    def _platforms(self, image: Descriptor) -> list[str]:
        """Name the platforms of an index whose images are here whole; attestations are for none."""
        index = self.manifest(image) if image.digest in self.parts else None
        listed = index.manifests if isinstance(index, Index) else ()
        named = [each for each in listed if each.platform and "unknown" not in str(each.platform)]
        return [str(each.platform) for each in named if self._is_complete(each)]

    def _is_complete(self, image: Descriptor) -> bool:
        try:
            self._gathered(image, None)
        except UsageError:
            return False
        return True

    def part(self, descriptor: Descriptor) -> Part:
        """Say where a blob is; raises UsageError where it is not there, or of another size."""
        part = self.parts.get(descriptor.digest)
        if part is None:
            raise _Missing(f"{self.path} is not complete: {descriptor.digest} is not in it", "save it again")
        if part.size != descriptor.size:
            sizes = f"{part.size:,} bytes instead of {descriptor.size:,}"
            raise UsageError(f"{self.path} is damaged: {descriptor.digest} is {sizes}", "save it again")
        return part

    def manifest(self, descriptor: Descriptor) -> Manifest | Index:
        """Read a manifest or an index, verified; raises UsageError."""
        raw = self._small(descriptor)
        try:
            return parse_manifest(raw, descriptor.media_type, descriptor.digest)
        except InvalidAnswer as error:
            raise UsageError(f"{self.path}: {error.message}", error.hint) from error

    def config(self, descriptor: Descriptor) -> bytes:
        """Read an image's config, verified; raises UsageError."""
        return self._small(descriptor)

    def _small(self, descriptor: Descriptor) -> bytes:
        raw = read_small(self.part(descriptor), str(descriptor.digest))
        actual = Digest.of(raw, descriptor.digest.algorithm)
        if actual != descriptor.digest:
            raise UsageError(
                f"{self.path} is damaged: {descriptor.digest} has the digest {actual}", "save it again"
            )
        return raw

    def image(self, name: str | None = None, usual: str = "") -> Descriptor:
        """Choose an image by its name; without one the only one, or of several the one that is called `usual`.

        Raises UsageError.
        """
        wanted = name or (usual if len(self.images) > 1 else None)
        found = [image for image in self.images if wanted is None or wanted in names_of(image)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(
            (*names_of(image), str(image.digest))[0] for image in (found if name and found else self.images)
        )
        count = f"{len(found)} images called {name}" if name else f"{len(self.images)} images"
        raise UsageError(f"{self.path} has {count}: {names or 'none'}", "choose one with --select")


@contextmanager
def opened(path: Path) -> Iterator[Layout]:
    """Open a folder or a tar archive, compressed or not; raises UsageError that says what is wrong with it.

    A compressed archive is unpacked into a temporary file, as large as its content, which goes with the block.
    """
    with ExitStack() as stack:
        with _telling(path):
            plain = path if path.is_dir() else stack.enter_context(uncompressed(path))
        yield open_layout(path, plain)


def open_layout(path: Path, plain: Path | None = None) -> Layout:
    """Open a folder or an uncompressed tar archive; raises UsageError that says what is wrong with it.

    `plain` is where the bytes of `path` are, if not there.
    """
    with _telling(path):
        return _open_folder(path) if path.is_dir() else _open_archive(path, plain or path)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UsageError(
            f"{error.filename} is not there", "an OCI layout has oci-layout and index.json"
        ) from error
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
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


def _open_archive(path: Path, plain: Path) -> Layout:
    with tarfile.open(plain, "r:") as archive:
        members = list(archive)
    files = {_name(each): FilePart(plain, each.size, each.offset_data) for each in members if each.isreg()}
    if "index.json" in files:
        parts = {digest: part for name, part in files.items() if (digest := _member_digest(name))}
        return Layout(path, _images(files["index.json"], f"{path}: index.json"), parts)
    # Engines before 25 save a layer that an archive has twice as a link to the first.
    links = {_name(each): _link(each) for each in members if each.issym() or each.islnk()}
    files |= {name: files[target] for name, target in links.items() if target in files}
    if "manifest.json" in files:
        return Layout(path, *converted(path, files))
    raise UsageError(
        f"{path} has neither index.json nor manifest.json in it",
        "it should be an OCI layout, or what docker save writes",
    )


def _name(member: tarfile.TarInfo) -> str:
    return posixpath.normpath(member.name)


def _link(member: tarfile.TarInfo) -> str:
    folder = posixpath.dirname(member.name) if member.issym() else ""
    return posixpath.normpath(posixpath.join(folder, member.linkname))


def _images(part: FilePart, what: str) -> tuple[Descriptor, ...]:
    try:
        index = parse_manifest(read_small(part, what), media_types.OCI_INDEX)
    except InvalidAnswer as error:
        raise UsageError(f"{what}: {error.message}") from error
    if isinstance(index, Index):
        return index.manifests
    raise UsageError(f"{what} is not an index")


def _member_digest(name: str) -> Digest | None:
    folder, _, rest = name.partition("/")
    return _digest(rest.replace("/", ":", 1)) if folder == "blobs" else None


def _digest(text: str) -> Digest | None:
    """Read a digest out of a file's name; other files may lie among the blobs."""
    try:
        return Digest(text)
    except UsageError:
        return None
