"""Images between a registry and files, without any engine.

What is there already with the right digest is not moved again, and what was broken off goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ducklake_registry.errors import DigestMismatch, NotFound, UsageError
from ducklake_registry.layout import (
    Image,
    LayoutArchive,
    LayoutFolder,
    Store,
    gather,
    names_for,
    opened,
)
from ducklake_registry.reference import Tag
from ducklake_registry.registry.parallel import in_parallel
from ducklake_registry.registry.uploads import Uploaded

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.layout import Part
    from ducklake_registry.oci import Descriptor, Platform
    from ducklake_registry.reference import Digest, Reference
    from ducklake_registry.registry.client import RegistryClient

__all__ = ["Image", "Transfer", "gather", "load", "save"]

Bytes = Callable[[int], None]
"""Told a number of bytes. It is called by several threads, but by one at a time."""

# Blobs at once: one alone leaves a processor idle while it is hashed or written.
_BLOBS = 3

_COMPRESSED = (".gz", ".tgz", ".zst", ".xz", ".bz2")


@dataclass(frozen=True, slots=True)
class Transfer:
    """What was done: the image's digest, its size in bytes, and how many of them had to be moved."""

    digest: Digest
    size: int
    moved: int


class _Stopped(Exception):
    """Ends a thread that moves a blob when all of them are to end."""


class _Counter:
    """Adds up what many threads move, and what they find need not be moved."""

    def __init__(self, image: Image, expected: Bytes, moved: Bytes) -> None:
        self.total = 0
        self._expected = sum(blob.size for blob in image.blobs)
        self._tell = (expected, moved)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        expected(self._expected)

    def add(self, count: int) -> None:
        """Count bytes that were moved; raises _Stopped once it is all over."""
        if self._ended.is_set():
            raise _Stopped
        with self._lock:
            self.total += count
            self._tell[1](count)

    def found(self, count: int) -> None:
        """Count bytes that are there already."""
        with self._lock:
            self._expected -= count
            self._tell[0](self._expected)

    def stop(self) -> None:
        """Have everybody end who moves something."""
        self._ended.set()


def save(
    client: RegistryClient,
    reference: Reference,
    target: Path,
    *,
    platform: Platform | None = None,
    dry_run: bool = False,
    expected: Bytes = lambda _: None,
    moved: Bytes = lambda _: None,
) -> Transfer:
    """Save an image as an OCI image layout under the tag that it has: into a folder, or a file `….tar`.

    `expected` is told how many bytes are to be moved, and less when some are found; `moved` how many were moved
    since the last time, which is negative where a part has to go again. With `dry_run` nothing is written, and
    the result tells what would be moved. Raises NotFound, DigestMismatch, UsageError, Busy, and DlrError where
    the disk is full.
    """
    files = _files(target)
    files.check()
    reference = _tagged(reference)
    repository = reference.repository
    root = client.manifest(repository, str(reference.target)).descriptor
    image = gather(
        lambda manifest: client.manifest(repository, manifest.digest),
        root,
        platform,
        lambda config: client.small_blob(repository, config),
    )
    names = names_for(reference)
    if dry_run:
        return Transfer(image.root.digest, image.size, files.missing(image, names))
    counter = _Counter(image, expected, moved)
    with files.receiving(image, names) as store:
        fetch = _Fetch(client, repository, store, counter)
        for _ in in_parallel(fetch, image.blobs, _BLOBS, counter.stop):
            pass
    return Transfer(image.root.digest, image.size, counter.total)


def load(
    client: RegistryClient,
    source: Path,
    reference: Reference,
    *,
    name: str | None = None,
    platform: Platform | None = None,
    dry_run: bool = False,
    expected: Bytes = lambda _: None,
    moved: Bytes = lambda _: None,
) -> Transfer:
    """Load an image into a registry: from an OCI image layout, or from what `docker save` wrote.

    `name` chooses one of several images, which else is the one that is called as `reference` is; the others are as
    for `save`. The registry computes the digest of each
    blob that it gets, so that a damaged one ends here. Raises UsageError for files that are damaged, NotFound,
    DigestMismatch.
    """
    reference = _tagged(reference)
    with opened(source) as layout:
        chosen = layout.image(name, usual=f"{reference.repository}:{reference.tag}")
        image = layout.gathered(chosen, platform)
        _check_digest(image, reference, source)
        parts = [(blob, layout.part(blob)) for blob in image.blobs]
        if dry_run:
            return Transfer(image.root.digest, image.size, _missing(client, reference, image))
        counter = _Counter(image, expected, moved)
        send = _Send(client, reference.repository, counter)
        for _ in in_parallel(send, parts, _BLOBS, counter.stop):
            pass
    for manifest in image.manifests:
        tag = reference.tag if manifest is image.root else None
        client.put_manifest(reference.repository, tag, manifest)
    return Transfer(image.root.digest, image.size, counter.total)


def _files(target: Path) -> LayoutFolder | LayoutArchive:
    if target.is_dir():
        return LayoutFolder(target)
    if target.suffix == ".tar":
        return LayoutArchive(target)
    if target.suffix in _COMPRESSED:
        raise UsageError(f"{target} would be compressed twice: layers are already", f"write {target.stem}")
    if target.exists():
        raise UsageError(f"{target} is there, and is no folder", "name a folder, or a file with .tar at its end")
    return LayoutFolder(target)


def _tagged(reference: Reference) -> Reference:
    """Take `latest` where nothing is said, as every tool does."""
    return reference if reference.target else replace(reference, tag=Tag("latest"))


def _check_digest(image: Image, reference: Reference, source: Path) -> None:
    if reference.digest not in (None, image.root.digest):
        raise UsageError(f"the image in {source} is {image.root.digest}, not {reference.digest}")


@dataclass(frozen=True, slots=True)
class _Fetch:
    """Downloads blobs that are not there, each after what an earlier run has left of it."""

    client: RegistryClient
    repository: str
    store: Store
    counter: _Counter

    def __call__(self, blob: Descriptor) -> None:
        if self.store.holds(blob):
            self.counter.found(blob.size)
            return
        with self.store.incoming(blob) as incoming:
            hasher = blob.digest.hasher()
            offset = incoming.resume(hasher)
            self.counter.found(offset)
            try:
                with self.client.blob(self.repository, blob, offset=offset, hasher=hasher) as reader:
                    for piece in reader:
                        incoming.write(piece)
                        self.counter.add(len(piece))
            except DigestMismatch:
                incoming.discard()
                raise
            incoming.keep()


@dataclass(frozen=True, slots=True)
class _Send:
    """Uploads blobs that are not there."""

    client: RegistryClient
    repository: str
    counter: _Counter

    def __call__(self, blob_and_part: tuple[Descriptor, Part]) -> None:
        blob, part = blob_and_part
        sent = 0

        def progress(done: int) -> None:
            nonlocal sent
            self.counter.add(done - sent)
            sent = done

        if self.client.upload_blob(self.repository, part, blob.digest, progress=progress) is Uploaded.FOUND:
            self.counter.found(blob.size)


def _missing(client: RegistryClient, reference: Reference, image: Image) -> int:
    """Tell how many bytes of an image the registry does not have, with one HEAD for each blob."""

    def missing(blob: Descriptor) -> int:
        try:
            client.head_blob(reference.repository, blob.digest)
        except NotFound:
            return blob.size
        return 0

    return sum(in_parallel(missing, image.blobs))
