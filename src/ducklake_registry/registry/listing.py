"""Everything that is in a registry: its tags, and what each of them names.

A list of ten thousand images is twenty thousand requests. What a digest names never changes, so whoever
keeps `Details` by digest, and the digest that each tag had, needs half of them the next time: one for each
tag, answered with "not modified".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TYPE_CHECKING, Protocol, TypeVar

from ducklake_registry.errors import InvalidAnswer, NotFound, RegistryError
from ducklake_registry.oci import ImageConfig, Index, Manifest, media_types
from ducklake_registry.registry.bulk import WantedBlob, WantedManifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ducklake_registry.oci import Descriptor
    from ducklake_registry.reference import Digest, Repository, Tag
    from ducklake_registry.registry.client import RegistryClient

Key_contra = TypeVar("Key_contra", contravariant=True)
Value = TypeVar("Value")

_SHORT = len("sha256:") + 12
_NOTHING_BEHIND = "nothing is behind the tag: it was deleted just now, or its manifest is lost"


@dataclass(frozen=True, slots=True)
class TagList:
    """A repository and its tags; `problem` tells in words why they could not be read."""

    repository: Repository
    tags: Sequence[Tag]
    problem: str = ""


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
    """One tag of a repository; `problem` tells in words what is missing of it.

    Without a tag it stands for a repository that has none, or whose tags could not be read.
    """

    repository: Repository
    tag: Tag | None
    digest: Digest | None = None
    details: Details | None = None
    problem: str = ""


class Memory(Protocol[Key_contra, Value]):
    """Keeps values; a dictionary does, or something that outlives the program."""

    def get(self, key: Key_contra, /) -> Value | None:
        """Return what is kept, if it still is."""

    def __setitem__(self, key: Key_contra, value: Value, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier list has found: details by digest, and each repository's tags with their digests.

    With `fixed_tags` a tag whose digest is known is not asked for again.
    """

    details: Memory[Digest, Details] = field(default_factory=dict)
    tags: Memory[Repository, Mapping[Tag, Digest]] = field(default_factory=dict)
    fixed_tags: bool = False


def list_tags(client: RegistryClient, repositories: Iterable[Repository] | None = None) -> Iterator[TagList]:
    """List the tags of some repositories, or of all, in order; those that are gone meanwhile have none."""
    for repository, found in client.tags_of(client.catalog() if repositories is None else repositories):
        if isinstance(found, RegistryError):
            yield TagList(repository, (), found.message)
        else:
            yield TagList(repository, found)


def list_images(
    client: RegistryClient, lists: Iterable[TagList] | None = None, *, known: Known | None = None
) -> Iterator[ListedImage]:
    """List the images under some tags, or under all, in order and as they come in.

    What is `known` is not asked for again, and what is learnt is added to it. An image that cannot be read,
    or not as a whole, is listed with its problem.
    """
    known = known or Known()
    readings = _completed(client, _top(client, list_tags(client) if lists is None else lists, known), known)
    images = (reading.image(known) for reading in readings)
    for repository, group in groupby(images, lambda image: image.repository):
        found: dict[Tag, Digest] = {}
        for image in group:
            if image.tag and image.digest:
                found[image.tag] = image.digest
            yield image
        known.tags[repository] = found


@dataclass(slots=True, eq=False)
class _Reading:
    """An image while it is read: its manifest and those that it lists, and their configs."""

    repository: Repository
    tag: Tag | None
    digest: Digest | None = None
    problem: str = ""
    manifests: dict[Digest, Manifest | Index] = field(default_factory=dict)
    configs: dict[Digest, ImageConfig] = field(default_factory=dict)

    def add(self, manifest: Manifest | Index) -> None:
        self.manifests[manifest.digest] = manifest

    def is_known(self, known: Known) -> bool:
        return self.digest is not None and known.details.get(self.digest) is not None

    def missing_parts(self, known: Known) -> list[Descriptor]:
        if self.is_known(known):
            return []
        listed = [part for each in self.manifests.values() if isinstance(each, Index) for part in each.manifests]
        return [
            part for part in listed if part.digest not in self.manifests and not known.details.get(part.digest)
        ]

    def missing_configs(self, known: Known) -> list[Descriptor]:
        return [
            each.config
            for each in self.manifests.values()
            if isinstance(each, Manifest)
            and not known.details.get(each.digest)
            and each.config.media_type in media_types.CONFIGS
        ]

    def image(self, known: Known) -> ListedImage:
        details = self._details(self.digest, known) if self.digest else None
        return ListedImage(self.repository, self.tag, self.digest, details, self.problem)

    def _details(self, digest: Digest, known: Known) -> Details | None:
        if details := known.details.get(digest):
            return details
        match self.manifests.get(digest):
            case Index() as index:
                details = self._of_index(index, known)
            case Manifest() as manifest:
                details = self._of_manifest(manifest)
            case _:
                return None
        if not self.problem:
            known.details[digest] = details
        return details

    def _of_index(self, index: Index, known: Known) -> Details:
        stored = {index.digest: len(index.raw)}
        platforms: list[str] = []
        created = ""
        for entry in index.manifests:
            part = self._details(entry.digest, known) or Details(entry.media_type, (), "", {})
            stored |= part.stored
            created = max(created, part.created)
            # An attestation is listed for the platform unknown/unknown.
            if "unknown" not in str(entry.platform):
                platforms += (str(entry.platform),) if entry.platform else part.platforms
        return Details(index.media_type, tuple(dict.fromkeys(platforms)), created, stored)

    def _of_manifest(self, manifest: Manifest) -> Details:
        stored = {manifest.digest: len(manifest.raw)} | {blob.digest: blob.size for blob in manifest.blobs}
        config = self.configs.get(manifest.config.digest)
        if config is None:
            return Details(manifest.media_type, (), "", stored)
        return Details(manifest.media_type, tuple(filter(None, (str(config.platform),))), config.created, stored)


def _top(client: RegistryClient, lists: Iterable[TagList], known: Known) -> Iterator[_Reading]:
    """Read what the tags name."""
    for reading, found in client.manifests_of(_wishes(lists, known)):
        if isinstance(found, RegistryError):
            reading.digest = None
            reading.problem = _NOTHING_BEHIND if isinstance(found, NotFound) else found.message
        elif found:
            reading.digest = found.digest
            reading.add(found)
        yield reading


def _wishes(lists: Iterable[TagList], known: Known) -> Iterator[tuple[_Reading, WantedManifest | None]]:
    for listed in lists:
        if not listed.tags:
            yield _Reading(listed.repository, None, problem=listed.problem), None
        before = known.tags.get(listed.repository) or {}
        for tag in listed.tags:
            digest = before.get(tag)
            digest = digest if digest and known.details.get(digest) else None
            wish = WantedManifest(listed.repository, tag, digest)
            yield _Reading(listed.repository, tag, digest), None if digest and known.fixed_tags else wish


def _completed(client: RegistryClient, readings: Iterator[_Reading], known: Known) -> Iterator[_Reading]:
    """Read what belongs to images, which is nothing up to the first that is not known.

    From that one on all take the same way, so that they stay in order.
    """
    for reading in readings:
        if reading.is_known(known):
            yield reading
            continue
        unknown: Iterator[_Reading] = chain([reading], readings)
        # An index may list indexes, which are rare, and none deeper was ever seen.
        for _ in range(2):
            unknown = _with_parts(client, unknown, known)
        yield from _with_configs(client, unknown, known)


def _with_parts(client: RegistryClient, readings: Iterable[_Reading], known: Known) -> Iterator[_Reading]:
    """Read the manifests that indexes list."""

    def wishes() -> Iterator[tuple[tuple[_Reading, Descriptor | None], WantedManifest | None]]:
        for reading in readings:
            for part in reading.missing_parts(known):
                yield (reading, part), WantedManifest(reading.repository, part.digest)
            yield (reading, None), None

    for (reading, part), found in client.manifests_of(wishes()):
        if part is None:
            yield reading
        elif isinstance(found, NotFound):
            reading.problem = f"it lists {part.platform or part.digest}, which is not there"
        elif isinstance(found, RegistryError):
            reading.problem = found.message
        elif found:
            reading.add(found)


def _with_configs(client: RegistryClient, readings: Iterable[_Reading], known: Known) -> Iterator[_Reading]:
    """Read the configs of images, which tell their platforms and when they were made."""

    def wishes() -> Iterator[tuple[tuple[_Reading, Descriptor | None], WantedBlob | None]]:
        for reading in readings:
            for config in reading.missing_configs(known):
                yield (reading, config), WantedBlob(reading.repository, config)
            yield (reading, None), None

    for (reading, config), found in client.small_blobs_of(wishes()):
        if config is None:
            yield reading
        elif isinstance(found, bytes):
            _add_config(reading, config, found)
        elif isinstance(found, NotFound):
            reading.problem = f"its config {config.digest[:_SHORT]}… is not there"
        elif found:
            reading.problem = found.message


def _add_config(reading: _Reading, config: Descriptor, content: bytes) -> None:
    try:
        reading.configs[config.digest] = ImageConfig.parse(content)
    except InvalidAnswer as error:
        reading.problem = error.message
