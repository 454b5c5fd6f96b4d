"""Images from a registry into the engine: pulled by digest, and named only once they are whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ducklake_registry.engine import named, pull
from ducklake_registry.errors import DigestMismatch, NotFound, UsageError
from ducklake_registry.oci import Manifest
from ducklake_registry.oci.config import ImageConfig
from ducklake_registry.reference import Digest, Reference, Tag
from ducklake_registry.registry import gather
from ducklake_registry.step import Step
from ducklake_registry.workflows.engine_and_registry import login_of, persistently, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ducklake_registry.engine import Engine
    from ducklake_registry.oci import Descriptor, Index, Platform
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report


@dataclass(frozen=True, slots=True)
class PulledImage:
    """An image that came from a registry, and the engine's names for it."""

    reference: str
    digest: Digest
    id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PulledImages:
    """All images of one pull."""

    images: tuple[PulledImage, ...]


@dataclass(frozen=True, slots=True)
class PullFromRegistry:
    """Images of one registry in the engine; with `short_name` also without the registry in their names."""

    engine: Engine
    client: RegistryClient
    references: tuple[Reference, ...]
    patience: float = 300
    platform: Platform | None = None
    short_name: bool = True

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        first = Step(f"Reach the registry {self.client.endpoint.name}", lambda _report: reach(self.client))
        return [first, *(Step(f"Pull {each}", self._pulling(each)) for each in self.references)]

    def pull(self, reference: Reference, report: Report) -> str:
        """Pull one image unless the engine has it, and name it; its digest is what the registry says now."""
        return persistently(lambda: self._ensure(reference, report), self.client, self.patience, report)

    def names(self, reference: Reference) -> list[str]:
        """Return the engine's names for an image; one that is pulled by its digest alone gets none."""
        if reference.tag is None:
            return []
        full = str(replace(reference, digest=None))
        return [full, f"{reference.repository}:{reference.tag}"] if self.short_name else [full]

    def result(self) -> PulledImages:
        """Return what the engine has now; raises DigestMismatch where that is not what the registry has."""
        return PulledImages(tuple(map(self._checked, self.references)))

    def _ensure(self, reference: Reference, report: Report) -> str:
        pinned, names = self._pinned(reference), self.names(reference)
        present = self.engine.image_id(_by_digest(pinned))
        image_id = present or pull(self.engine, pinned, login_of(self.client), report)
        before = [self.engine.image_id(name) for name in names]
        with named(self.engine, image_id, names):
            if present is None:
                return "pulled"
            return "unchanged" if all(each == image_id for each in before) else "named"

    def _checked(self, reference: Reference) -> PulledImage:
        pinned = self._pinned(reference)
        names = tuple(self.names(reference))
        image_id = self.engine.image_id(_by_digest(pinned))
        if image_id is None or any(self.engine.image_id(name) != image_id for name in names):
            raise DigestMismatch(
                f"{reference} is {pinned.digest} in the registry, which is not what was pulled",
                "somebody has just pushed it: pull it again",
            )
        return PulledImage(_by_digest(pinned), Digest(str(pinned.digest)), image_id, names)

    def _pulling(self, reference: Reference) -> Callable[[Report], str]:
        return lambda report: self.pull(reference, report)

    def _pinned(self, reference: Reference) -> Reference:
        """Add the digest; where a platform is wanted, its own image's: the engine keeps one of an index."""
        found = self.client.head_manifest(reference.repository, reference.target or "latest")
        digest = self._for_platform(reference, found, self.platform) if self.platform else found.digest
        return replace(reference, digest=digest)

    def _for_platform(self, reference: Reference, found: Descriptor, platform: Platform) -> Digest:
        def read(descriptor: Descriptor) -> Manifest | Index:
            return self.client.manifest(reference.repository, descriptor.digest)

        manifest = gather(read, found, platform).root
        if isinstance(manifest, Manifest):
            config = ImageConfig.parse(self.client.small_blob(reference.repository, manifest.config))
            if not config.platform.matches(platform):
                raise NotFound(f"{reference} is not made for {platform}", f"it is there for {config.platform}")
        return manifest.digest


def chosen(
    client: RegistryClient, reference: Reference, tags: Sequence[str], *, all_tags: bool
) -> tuple[Reference, ...]:
    """Return what to pull: what the reference says itself, else all tags, or those, or `latest`.

    Raises UsageError for `all_tags` of a reference that names one, NotFound where there are none.
    """
    if all_tags and reference.target:
        raise UsageError(f"--all-tags, but {reference} is one image", "leave its tag out")
    if reference.target:
        return (reference,)
    found = client.tags(reference.repository) if all_tags else [*map(Tag, tags)] or [Tag("latest")]
    if not found:
        raise NotFound(f"{reference} has no tags")
    return tuple(replace(reference, tag=tag) for tag in dict.fromkeys(found))


def _by_digest(pinned: Reference) -> str:
    return str(replace(pinned, tag=None))
