"""Deleting images from a registry: first what would go with them, then they."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError
from ducklake_registry.oci import Index, Manifest
from ducklake_registry.reference import Reference
from ducklake_registry.registry.bulk import WantedManifest
from ducklake_registry.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ducklake_registry.cluster.pods import RunningImage
    from ducklake_registry.reference import Digest, Repository, Tag
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report


@dataclass(frozen=True, slots=True)
class Doomed:
    """A manifest that would go, or with `tag_only` some of its tags.

    `tags` were named, `other_tags` name the same digest, `indexes` are tags of indexes that list it. `lists`
    are the digests that it lists itself, which stay.
    """

    registry: str
    repository: Repository
    digest: Digest
    tag_only: bool
    tags: tuple[Tag, ...]
    other_tags: tuple[Tag, ...]
    indexes: tuple[Tag, ...]
    lists: tuple[Digest, ...]

    @property
    def name(self) -> str:
        """The repository with its registry, and the digest."""
        return f"{self.registry}/{self.repository}@{self.digest}"

    def users(self, running: Iterable[RunningImage]) -> list[RunningImage]:
        """Choose the pods' images that would be gone: by digest, or by a tag that goes."""
        return [each for each in running if self._is_mine(each)]

    def _is_mine(self, running: RunningImage) -> bool:
        if not self.tag_only and running.digest in {self.digest, *self.lists}:
            return True
        try:
            named = Reference.parse(running.image, default_registry="docker.io")
        except UsageError:
            return False
        # Inside the cluster the registry may go by its service's name.
        at_home = named.registry == self.registry or ".svc" in named.registry
        going = {*self.tags, *(() if self.tag_only else self.other_tags), self.digest}
        return at_home and named.repository == self.repository and named.target in going


@dataclass(frozen=True, slots=True)
class DeleteImages:
    """The end of some images of one registry, or with `tag_only` of their tags alone."""

    client: RegistryClient
    references: Sequence[Reference]
    tag_only: bool = False

    def find(self, report: Report) -> list[Doomed]:
        """Look at what would go. Raises NotFound, and UsageError for a name that does not say which image."""
        named: dict[tuple[Repository, Digest], list[Reference]] = {}
        for reference in self.references:
            self._check(reference)
            report(str(reference))
            target = reference.target or ""
            digest = self.client.head_manifest(reference.repository, target).digest
            named.setdefault((reference.repository, digest), []).append(reference)
        return [self._doomed(*place, references) for place, references in named.items()]

    def steps(self, doomed: Sequence[Doomed]) -> list[Step]:
        """Return what is to be done, in order."""
        if self.tag_only:
            return [self._untag(each, tag) for each in doomed for tag in each.tags]
        return [self._delete(each) for each in doomed]

    def _check(self, reference: Reference) -> None:
        if reference.target is None:
            raise UsageError(f"{reference} does not say which image", f"name its tag: {reference}:TAG")
        if self.tag_only and reference.digest:
            raise UsageError(f"{reference} names an image by its digest, not a tag", "leave out --tag-only")

    def _doomed(self, repository: Repository, digest: Digest, references: Sequence[Reference]) -> Doomed:
        """Read what all tags of the repository name, since no registry tells who shares a digest."""
        tags = sorted(self.client.tags(repository))
        asked = self.client.manifests_of((tag, WantedManifest(repository, tag)) for tag in tags)
        found = [(tag, each) for tag, each in asked if isinstance(each, Manifest | Index)]
        sharing = [tag for tag, each in found if each.digest == digest]
        own = tuple(tag for tag in sharing if any(tag == each.tag for each in references))
        mine = next((each for _, each in found if each.digest == digest), None)
        return Doomed(
            registry=references[0].registry,
            repository=repository,
            digest=digest,
            tag_only=self.tag_only,
            tags=own,
            other_tags=tuple(tag for tag in sharing if tag not in own),
            indexes=tuple(tag for tag, each in found if isinstance(each, Index) and _lists(each, digest)),
            lists=tuple(each.digest for each in mine.manifests) if isinstance(mine, Index) else (),
        )

    def _untag(self, doomed: Doomed, tag: Tag) -> Step:
        def run(_report: Report) -> str:
            self.client.delete_tag(doomed.repository, tag)
            return "deleted; the image stays"

        return Step(f"Delete the tag {doomed.registry}/{doomed.repository}:{tag}", run)

    def _delete(self, doomed: Doomed) -> Step:
        def run(_report: Report) -> str:
            self.client.delete_manifest(doomed.repository, doomed.digest)
            return "deleted"

        return Step(f"Delete {doomed.name}", run)


def _lists(index: Index, digest: Digest) -> bool:
    return any(each.digest == digest for each in index.manifests)
