"""Images between a registry and an OCI image layout, without any engine.

What is there already with the right digest is not moved again, and what was broken off goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.errors import DigestMismatch, NotFound
from ducklake_registry.layout import FilePart, LayoutFolder, open_layout
from ducklake_registry.oci import Descriptor, Index, Manifest, Platform
from ducklake_registry.registry.parallel import in_parallel

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.reference import Digest, Reference
    from ducklake_registry.registry.client import RegistryClient
    from ducklake_registry.registry.uploads import Uploaded

# Told how many bytes were moved since the last time; negative where a part has to go again.
Moved = Callable[[int], None]

# Blobs at once: one alone leaves a processor idle while it is hashed or written.
_BLOBS = 3


@dataclass(frozen=True, slots=True)
class Image:
    """An image with all that it needs: manifests in the order to write them, its own last, and blobs."""

    manifests: tuple[Manifest | Index, ...]
    blobs: tuple[Descriptor, ...]

    @property
    def root(self) -> Manifest | Index:
        """What the image's name points to."""
        return self.manifests[-1]

    @property
    def size(self) -> int:
        """Bytes of all manifests and blobs."""
        return sum(len(manifest.raw) for manifest in self.manifests) + sum(blob.size for blob in self.blobs)


@dataclass(frozen=True, slots=True)
class Transfer:
    """What was done: the image's digest, its size in bytes, and how many of them had to be moved."""

    digest: Digest
    size: int
    moved: int


class _Counter:
    """Adds up what many threads move, and passes it on."""

    def __init__(self, moved: Moved) -> None:
        self.total = 0
        self._moved = moved
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.total += count
            self._moved(count)


def gather(read: Callable[[Descriptor], Manifest | Index], root: Descriptor, platform: Platform | None) -> Image:
    """Collect what an image consists of; of an index every platform, or the one that is wanted.

    Raises NotFound where the wanted platform is not in it.
    """
    top = read(root)
    if isinstance(top, Index) and platform:
        top = read(_choose(top, platform))
    manifests: dict[Digest, Manifest | Index] = {}
    _collect(read, top, manifests)
    found = [manifest for manifest in manifests.values() if isinstance(manifest, Manifest)]
    blobs = {blob.digest: blob for manifest in found for blob in manifest.blobs}
    return Image(tuple(manifests.values()), tuple(blobs.values()))


def save(
    client: RegistryClient,
    reference: Reference,
    target: Path,
    *,
    platform: Platform | None = None,
    moved: Moved = lambda _: None,
) -> Transfer:
    """Save an image into a folder as an OCI image layout, under the tag that it has.

    Raises NotFound, DigestMismatch, UsageError.
    """
    repository = reference.repository
    layout = LayoutFolder.create(target)
    root = client.manifest(repository, reference.target or "latest").descriptor
    image = gather(lambda descriptor: client.manifest(repository, descriptor.digest), root, platform)
    counter = _Counter(moved)

    def fetch(blob: Descriptor) -> None:
        if not layout.holds(blob):
            _fetch(client, repository, blob, layout.partial(blob), counter)
            layout.keep(blob)

    for _ in in_parallel(fetch, image.blobs, _BLOBS):
        pass
    for manifest in image.manifests:
        layout.write(manifest.descriptor, manifest.raw)
    layout.add(image.root.descriptor, reference.tag or "")
    return Transfer(image.root.digest, image.size, counter.total)


def load(
    client: RegistryClient,
    source: Path,
    reference: Reference,
    *,
    name: str | None = None,
    platform: Platform | None = None,
    moved: Moved = lambda _: None,
) -> Transfer:
    """Load an image from an OCI image layout (a folder or a tar archive) into a registry.

    `name` chooses one of several images. Raises UsageError for a layout that is damaged.
    """
    layout = open_layout(source)
    image = gather(layout.manifest, layout.image(name), platform)
    parts = [(blob, layout.part(blob)) for blob in image.blobs]
    counter = _Counter(moved)
    for _ in in_parallel(lambda part: _send(client, reference.repository, *part, counter), parts, _BLOBS):
        pass
    for manifest in image.manifests:
        tag = reference.tag if manifest is image.root else None
        client.put_manifest(reference.repository, tag, manifest)
    return Transfer(image.root.digest, image.size, counter.total)


def _collect(
    read: Callable[[Descriptor], Manifest | Index],
    top: Manifest | Index,
    manifests: dict[Digest, Manifest | Index],
) -> None:
    """Put what an index lists before the index: a registry may want to know it first."""
    if isinstance(top, Index):
        for entry in top.manifests:
            if entry.digest not in manifests:
                _collect(read, read(entry), manifests)
    manifests[top.digest] = top


def _choose(index: Index, platform: Platform) -> Descriptor:
    for entry in index.manifests:
        if entry.platform and entry.platform.matches(platform):
            return entry
    there = ", ".join(str(entry.platform) for entry in index.manifests if entry.platform)
    raise NotFound(f"the image is not made for {platform}", f"it is there for {there}" if there else None)


def _fetch(client: RegistryClient, repository: str, blob: Descriptor, path: Path, counter: _Counter) -> None:
    """Download a blob, after what an earlier run has left of it."""
    hasher, offset = blob.digest.hasher(), 0
    if path.exists():
        offset = path.stat().st_size
        for piece in FilePart(path, offset).pieces(0, offset):
            hasher.update(piece)
    try:
        with path.open("ab") as file, client.blob(repository, blob, offset=offset, hasher=hasher) as reader:
            for piece in reader:
                file.write(piece)
                counter.add(len(piece))
    except DigestMismatch:
        path.unlink()
        raise


def _send(
    client: RegistryClient, repository: str, blob: Descriptor, part: FilePart, counter: _Counter
) -> Uploaded:
    sent = 0

    def progress(done: int) -> None:
        nonlocal sent
        counter.add(done - sent)
        sent = done

    return client.upload_blob(repository, part, blob.digest, progress=progress)
