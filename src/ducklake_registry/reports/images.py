"""What is in a registry: images, repositories, and how much of it there is."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from ducklake_registry.reference import Repository
from ducklake_registry.registry import ListedImage, TagList, list_images, list_tags
from ducklake_registry.reports.wishes import Sort

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ducklake_registry.reference import Digest, Tag
    from ducklake_registry.registry import Known, RegistryClient
    from ducklake_registry.reports.wishes import Wish
    from ducklake_registry.step import Report

_GLOB = frozenset("*?[")
_REPORT_EVERY = 50


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """An image under its tag; what was not asked for, or cannot be told, is None.

    `size` is in bytes, of all that the image needs, each blob once; `created` is RFC 3339.
    """

    repository: Repository
    tag: Tag | None
    digest: Digest | None = None
    media_type: str | None = None
    size: int | None = None
    platforms: tuple[str, ...] = ()
    created: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RepositoryEntry:
    """A repository: its number of tags, its size in bytes with each blob once, its newest image's time."""

    repository: Repository
    tags: int | None = None
    size: int | None = None
    created: str | None = None
    problem: str | None = None


Entry = ImageEntry | RepositoryEntry


@dataclass(slots=True)
class Totals:
    """What all that was listed comes to; counts while the list is read."""

    repositories: int = 0
    empty: int = 0
    images: int = 0
    problems: int = 0
    stored: dict[Digest, int] = field(default_factory=dict)
    _last: Repository | None = None

    def count(self, repository: Repository, images: int, problem: str) -> None:
        """Take in an entry; those of a repository come together."""
        self.repositories += repository != self._last
        self._last = repository
        self.images += images
        self.problems += bool(problem)
        self.empty += not (images or problem)

    @property
    def size(self) -> int:
        """Bytes in the registry, each blob counted once however many images share it."""
        return sum(self.stored.values())


def read_entries(
    client: RegistryClient, wish: Wish, known: Known, totals: Totals, report: Report
) -> Iterator[Entry]:
    """Give what is listed, sorted by name as it comes in, or else at the end; counts all of it in `totals`.

    A limit ends the reading where the order is known before, and so counts no more than is shown. Raises
    NotFound for a repository that is named without a pattern and is not there.
    """
    entries = _watched(_entries(client, wish, known, totals), report)
    if wish.sort is Sort.SIZE:
        entries = iter(sorted(entries, key=lambda entry: entry.size or 0, reverse=True))
    elif wish.sort is Sort.CREATED:
        entries = iter(sorted(entries, key=lambda entry: entry.created or "", reverse=True))
    return islice(entries, wish.limit)


def _entries(client: RegistryClient, wish: Wish, known: Known, totals: Totals) -> Iterator[Entry]:
    if wish.details:
        counted = (_counted(image, totals) for image in list_images(client, _tag_lists(client, wish), known=known))
        if not wish.tags:
            return _by_repository(counted)
        return (_image_entry(image) for image in counted if image.tag or image.problem)
    if wish.tags:
        return _tag_entries(_tag_lists(client, wish), totals)
    return _names(client, wish, totals)


def _names(client: RegistryClient, wish: Wish, totals: Totals) -> Iterator[RepositoryEntry]:
    for repository in _repositories(client, wish.pattern):
        totals.repositories += 1
        yield RepositoryEntry(repository)


def _tag_lists(client: RegistryClient, wish: Wish) -> Iterator[TagList]:
    for found in list_tags(client, _repositories(client, wish.pattern)):
        yield TagList(found.repository, sorted(found.tags), found.problem)


def _repositories(client: RegistryClient, pattern: str) -> Iterable[Repository]:
    if _GLOB.isdisjoint(pattern):
        client.tags(Repository(pattern))  # raises where it is not there
        return [Repository(pattern)]
    return sorted(name for name in client.catalog() if fnmatch.fnmatchcase(name, pattern))


def _tag_entries(lists: Iterable[TagList], totals: Totals) -> Iterator[ImageEntry]:
    for found in lists:
        if not found.tags:
            totals.count(found.repository, 0, found.problem)
        if found.problem:
            yield ImageEntry(found.repository, None, problem=found.problem)
        for tag in found.tags:
            totals.count(found.repository, 1, "")
            yield ImageEntry(found.repository, tag)


def _counted(image: ListedImage, totals: Totals) -> ListedImage:
    totals.count(image.repository, image.tag is not None, image.problem)
    if image.details:
        totals.stored.update(image.details.stored)
    return image


def _image_entry(image: ListedImage) -> ImageEntry:
    details, problem = image.details, image.problem or None
    if details is None:
        return ImageEntry(image.repository, image.tag, image.digest, problem=problem)
    return ImageEntry(
        image.repository,
        image.tag,
        image.digest,
        details.media_type,
        details.size,
        details.platforms,
        details.created or None,
        problem,
    )


def _by_repository(images: Iterable[ListedImage]) -> Iterator[RepositoryEntry]:
    for repository, group in groupby(images, lambda image: image.repository):
        found = list(group)
        details = [image.details for image in found if image.details]
        stored = {digest: size for each in details for digest, size in each.stored.items()}
        problems = [f"{image.tag or 'all tags'}: {image.problem}" for image in found if image.problem]
        yield RepositoryEntry(
            repository,
            sum(image.tag is not None for image in found),
            sum(stored.values()),
            max((each.created for each in details), default="") or None,
            "; ".join(problems) or None,
        )


def _watched(entries: Iterator[Any], report: Report) -> Iterator[Any]:
    for number, entry in enumerate(entries, 1):
        if number % _REPORT_EVERY == 0:
            report(f"{number} so far, now {entry.repository}")
        yield entry
