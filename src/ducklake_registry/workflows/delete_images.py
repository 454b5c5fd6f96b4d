"""Deleting images from a registry: first what would go with them, then they."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.errors import NotFound, UsageError
from ducklake_registry.oci import Index, Manifest
from ducklake_registry.reference import Reference, Tag
from ducklake_registry.registry.bulk import WantedManifest
from ducklake_registry.registry.manifests import fallback_tag
from ducklake_registry.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ducklake_registry.cluster.pods import RunningImage
    from ducklake_registry.oci import Descriptor
    from ducklake_registry.reference import Digest, Repository
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report


@dataclass(frozen=True, slots=True)
class Listed:
    """A manifest that an index lists, for a `platform`; where it stays, `names` are tags that still lead to it."""

    digest: Digest
    platform: str
    goes: bool
    names: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class Doomed:
    """A manifest that would go, or with `tag_only` some of its tags.

    `tags` were named, `other_tags` name the same digest, `indexes` are tags and digests of indexes that list it.
    `lists` is what it lists itself and nobody has named. `subject` is what it refers to.
    """

    registry: str
    repository: Repository
    digest: Digest
    tag_only: bool
    tags: tuple[Tag, ...]
    other_tags: tuple[Tag, ...]
    indexes: tuple[tuple[Tag, Digest], ...] = ()
    lists: tuple[Listed, ...] = ()
    subject: Digest | None = None

    @property
    def name(self) -> str:
        """The repository with its registry, and the digest."""
        return f"{self.registry}/{self.repository}@{self.digest}"

    def users(self, running: Iterable[RunningImage]) -> list[RunningImage]:
        """Choose the pods' images that would be gone: by digest, or by a tag that goes."""
        return [each for each in running if self._is_mine(each)]

    def _is_mine(self, running: RunningImage) -> bool:
        # A node notes the digest of the index where it has run one of its platforms.
        above = {digest for _, digest in self.indexes}
        if not self.tag_only and running.digest in {self.digest, *above, *(each.digest for each in self.lists)}:
            return True
        try:
            named = Reference.parse(running.image, default_registry="docker.io")
        except UsageError:
            return False
        # Inside the cluster the registry may go by its service's name.
        at_home = named.registry == self.registry or ".svc" in named.registry
        return at_home and named.repository == self.repository and (named.target or "latest") in self._names()

    def _names(self) -> set[str]:
        """Return the tags and digests by which it could be had until now."""
        if self.tag_only:
            return {*self.tags}
        above = {name for each in self.indexes for name in each}
        return {
            *self.tags,
            *self.other_tags,
            self.digest,
            *above,
            *(each.digest for each in self.lists if each.goes),
        }


@dataclass(frozen=True, slots=True)
class DeleteImages:
    """The end of some images of one registry, or with `tag_only` of their tags alone.

    `with_platforms`: with an index goes what it lists, unless another tag leads to that.
    """

    client: RegistryClient
    references: Sequence[Reference]
    tag_only: bool = False
    with_platforms: bool = False

    def find(self, report: Report) -> list[Doomed]:
        """Look at what would go. Raises NotFound, and UsageError for a name that does not say which image."""
        if self.tag_only and self.with_platforms:
            raise UsageError("--tag-only leaves the image, and --with-platforms takes its parts", "leave out one")
        named: dict[Repository, dict[Digest, list[Reference]]] = {}
        for reference in self.references:
            self._check(reference)
            report(str(reference))
            target = reference.target or ""
            digest = self.client.head_manifest(reference.repository, target).digest
            named.setdefault(reference.repository, {}).setdefault(digest, []).append(reference)
        return [doomed for repository, wanted in named.items() for doomed in self._doomed(repository, wanted)]

    def steps(self, doomed: Sequence[Doomed]) -> list[Step]:
        """Return what is to be done, in order."""
        if self.tag_only:
            return [self._untag(each, tag) for each in doomed for tag in each.tags]
        # An index first: one that lists what is gone would be a broken image, should this be interrupted.
        parts = {(each.repository, one.digest): each for each in doomed for one in each.lists if one.goes}
        return [
            *map(self._delete, doomed),
            *(self._delete_part(index, digest) for (_, digest), index in parts.items()),
        ]

    def _check(self, reference: Reference) -> None:
        if reference.target is None:
            raise UsageError(f"{reference} does not say which image", f"name its tag: {reference}:TAG")
        if self.tag_only and reference.digest:
            raise UsageError(f"{reference} names an image by its digest, not a tag", "leave out --tag-only")

    def _doomed(self, repository: Repository, wanted: Mapping[Digest, list[Reference]]) -> Iterator[Doomed]:
        """Read what all tags of the repository name, since no registry tells who shares a digest."""
        targets: list[Tag | Digest] = [*sorted(self.client.tags(repository)), *wanted]
        asked = self.client.manifests_of((each, WantedManifest(repository, each)) for each in targets)
        found = {target: each for target, each in asked if isinstance(each, Manifest | Index)}
        tagged = {target: each for target, each in found.items() if isinstance(target, Tag)}
        staying = {tag: each for tag, each in tagged.items() if each.digest not in wanted}
        for digest, references in wanted.items():
            mine = found.get(digest)
            subject = mine.subject.digest if mine and mine.subject else None
            listed = mine.manifests if isinstance(mine, Index) and not self.tag_only else ()
            above = {tag: each for tag, each in tagged.items() if not subject or tag != fallback_tag(subject)}
            sharing = [tag for tag, each in tagged.items() if each.digest == digest]
            own = tuple(tag for tag in sharing if any(tag == each.tag for each in references))
            yield Doomed(
                registry=references[0].registry,
                repository=repository,
                digest=digest,
                tag_only=self.tag_only,
                tags=own,
                other_tags=tuple(tag for tag in sharing if tag not in own),
                indexes=tuple((tag, each.digest) for tag, each in above.items() if _lists(each, digest)),
                lists=tuple(self._listed(each, staying) for each in listed if each.digest not in wanted),
                subject=subject,
            )

    def _listed(self, part: Descriptor, staying: Mapping[Tag, Manifest | Index]) -> Listed:
        """Tell whether a part of an index goes with it; `staying` are the tags that no index of ours has."""
        names = tuple(
            tag for tag, each in staying.items() if each.digest == part.digest or _lists(each, part.digest)
        )
        goes = self.with_platforms and not names
        return Listed(part.digest, str(part.platform or "a part"), goes, names)

    def _untag(self, doomed: Doomed, tag: Tag) -> Step:
        def run(_report: Report) -> str:
            self.client.delete_tag(doomed.repository, tag)
            return "deleted; the image stays"

        return Step(f"Delete the tag {doomed.registry}/{doomed.repository}:{tag}", run)

    def _delete(self, doomed: Doomed) -> Step:
        def run(_report: Report) -> str:
            self.client.delete_manifest(doomed.repository, doomed.digest, doomed.subject)
            return "deleted"

        return Step(f"Delete {doomed.name}", run)

    def _delete_part(self, index: Doomed, digest: Digest) -> Step:
        def run(_report: Report) -> str:
            try:
                self.client.delete_manifest(index.repository, digest)
            except NotFound:  # an index may list what was never copied here
                return "was not there"
            return "deleted"

        return Step(f"Delete {index.registry}/{index.repository}@{digest}", run)


def _lists(found: Manifest | Index, digest: Digest) -> bool:
    return isinstance(found, Index) and any(each.digest == digest for each in found.manifests)
