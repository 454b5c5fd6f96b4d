"""Everything that is in a registry: its tags, and what each of them names.

A list of ten thousand images is twenty thousand requests. What a digest names never changes, so whoever
keeps `Details` by digest from one list to the next needs half of them: a HEAD for each tag.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ducklake_registry.errors import DigestMismatch, InvalidAnswer, NotFound
from ducklake_registry.oci import Descriptor, ImageConfig, Index, Manifest, media_types
from ducklake_registry.registry.parallel import WORKERS, in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence

    from ducklake_registry.reference import Digest, Repository, Tag
    from ducklake_registry.registry.client import RegistryClient

# Few enough that the tags of one large repository keep every worker busy, and enough to be worth a task.
_TAGS_PER_TASK = 16


@dataclass(frozen=True, slots=True)
class TagList:
    """A repository and its tags."""

    repository: Repository
    tags: Sequence[Tag]


@dataclass(frozen=True, slots=True)
class Details:
    """What a digest names, with all that an index lists.

    `stored` has the size in bytes of every manifest and blob by its digest; `created` is RFC 3339 or "".
    """

    media_type: str
    platforms: tuple[str, ...]
    created: str
    stored: Mapping[Digest, int] = field(repr=False, hash=False)

    @property
    def size(self) -> int:
        """Bytes in the registry, each blob counted once."""
        return sum(self.stored.values())


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One tag of a repository; `problem` tells in words why there are no details."""

    repository: Repository
    tag: Tag
    digest: Digest | None = None
    details: Details | None = None
    problem: str = ""


def list_tags(
    client: RegistryClient, repositories: Iterable[Repository] | None = None, *, workers: int = WORKERS
) -> Iterator[TagList]:
    """List the tags of some repositories, or of all; those that are gone meanwhile have none."""

    def tags(repository: Repository) -> TagList:
        try:
            return TagList(repository, client.tags(repository))
        except NotFound:
            return TagList(repository, ())

    yield from in_parallel(tags, client.catalog() if repositories is None else repositories, workers)


def list_images(
    client: RegistryClient,
    repositories: Iterable[Repository] | None = None,
    *,
    known: MutableMapping[Digest, Details] | None = None,
    workers: int = WORKERS,
) -> Iterator[ListedImage]:
    """List the images of some repositories, or of all, as they come in.

    Asks first for the digest alone where `known` has details, and adds to it what it learns. An image that
    cannot be read is listed with its problem; one that is gone meanwhile is not.
    """
    known = {} if known is None else known
    reader = _Reader(client, known, ask_first=bool(known))
    for images in in_parallel(reader.images, _tasks(list_tags(client, repositories, workers=workers)), workers):
        yield from images


def _tasks(lists: Iterable[TagList]) -> Iterator[TagList]:
    for found in lists:
        for start in range(0, len(found.tags), _TAGS_PER_TASK):
            yield TagList(found.repository, found.tags[start : start + _TAGS_PER_TASK])


@dataclass(frozen=True, slots=True)
class _Reader:
    client: RegistryClient
    known: MutableMapping[Digest, Details]
    ask_first: bool

    def images(self, task: TagList) -> list[ListedImage]:
        found = (self._image(task.repository, tag) for tag in task.tags)
        return [image for image in found if image]

    def _image(self, repository: Repository, tag: Tag) -> ListedImage | None:
        try:
            return self._read(repository, tag)
        except NotFound as error:
            # Either the tag itself is gone, or the image behind it is not complete.
            return None if self._is_gone(repository, tag) else ListedImage(repository, tag, problem=error.message)
        except (InvalidAnswer, DigestMismatch) as error:
            return ListedImage(repository, tag, problem=error.message)

    def _read(self, repository: Repository, tag: Tag) -> ListedImage:
        if self.ask_first:
            digest = self.client.head_manifest(repository, tag).digest
            if details := self.known.get(digest):
                return ListedImage(repository, tag, digest, details)
        manifest = self.client.manifest(repository, tag)
        return ListedImage(repository, tag, manifest.digest, self._details(repository, manifest))

    def _details(self, repository: Repository, manifest: Manifest | Index) -> Details:
        details = self.known.get(manifest.digest)
        if details is None:
            read = self._of_index if isinstance(manifest, Index) else self._of_manifest
            details = self.known[manifest.digest] = read(repository, manifest)  # type: ignore[arg-type]
        return details

    def _of_index(self, repository: Repository, index: Index) -> Details:
        parts = [(entry, self._entry(repository, entry)) for entry in index.manifests]
        stored = {index.digest: len(index.raw)}
        for _, part in parts:
            stored |= part.stored
        # An attestation is listed for the platform unknown/unknown.
        platforms = [_platforms(entry, part) for entry, part in parts if "unknown" not in str(entry.platform)]
        created = max((part.created for _, part in parts), default="")
        return Details(index.media_type, tuple(dict.fromkeys(sum(platforms, ()))), created, stored)

    def _entry(self, repository: Repository, entry: Descriptor) -> Details:
        try:
            return self.known.get(entry.digest) or self._details(
                repository, self.client.manifest(repository, entry.digest)
            )
        except NotFound:
            # An index may list platforms that were never pushed along with it.
            return Details(entry.media_type, (), "", {})

    def _of_manifest(self, repository: Repository, manifest: Manifest) -> Details:
        stored = {manifest.digest: len(manifest.raw)} | {blob.digest: blob.size for blob in manifest.blobs}
        if manifest.config.media_type not in media_types.CONFIGS:
            return Details(manifest.media_type, (), "", stored)
        config = ImageConfig.parse(self.client.small_blob(repository, manifest.config))
        return Details(manifest.media_type, tuple(filter(None, (str(config.platform),))), config.created, stored)

    def _is_gone(self, repository: Repository, tag: Tag) -> bool:
        try:
            self.client.head_manifest(repository, tag)
        except NotFound:
            return True
        return False


def _platforms(entry: Descriptor, part: Details) -> tuple[str, ...]:
    return (str(entry.platform),) if entry.platform else part.platforms
