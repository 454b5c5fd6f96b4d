"""An image from a folder to a registry: built by the engine, pushed, and asked for again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ducklake_registry.engine import BuildContext, BuildOptions, build, digests, named, push
from ducklake_registry.errors import DigestMismatch, EngineError, NotFound
from ducklake_registry.git import Checkout
from ducklake_registry.oci import Manifest
from ducklake_registry.reference import Digest, Reference, Repository, Tag
from ducklake_registry.step import Step, silent
from ducklake_registry.workflows.engine_and_registry import digest_at, is_image, login_of, persistently, reach
from ducklake_registry.workflows.image_names import oci_labels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ducklake_registry.engine import Engine
    from ducklake_registry.git import NoCheckout
    from ducklake_registry.oci import Index
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report


@dataclass(frozen=True, slots=True)
class Source:
    """What an image is built from, and how; `created` overrides when it counts as made."""

    context: BuildContext
    options: BuildOptions = field(default_factory=BuildOptions)
    checkout: Checkout | NoCheckout | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None

    def labels_for(self, version: Tag) -> dict[str, str]:
        """Return all labels of the image.

        It counts as made when what is in it was: the same built again is the same image, and not pushed.
        """
        checkout = self.checkout if isinstance(self.checkout, Checkout) else None
        commit = checkout.committed if checkout and not checkout.dirty else None
        created = self.created or commit or self.context.newest()
        return oci_labels(checkout, version, created, self.labels)


@dataclass(frozen=True, slots=True)
class ImageNames:
    """A repository and tags, the version first; the engine has it under these names without a registry."""

    repository: Repository
    tags: tuple[Tag, ...]

    def __str__(self) -> str:
        return f"{self.repository}:{', '.join(self.tags)}"

    @property
    def local(self) -> list[str]:
        """The names without a registry, which are the engine's alone."""
        return [f"{self.repository}:{tag}" for tag in self.tags]

    def at(self, registry: str) -> list[Reference]:
        """Return the names at a registry."""
        return [Reference(registry, self.repository, tag) for tag in self.tags]


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image that the engine has."""

    id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PushedImage:
    """An image that the registry has: its name without a tag, and `reference` to deploy. `size` is in bytes."""

    image: str
    digest: Digest
    tags: tuple[Tag, ...]
    reference: str
    size: int | None

    @classmethod
    def of(cls, names: list[Reference], found: Manifest | Index) -> PushedImage:
        """Describe what a registry has under names that differ in the tag alone."""
        image = f"{names[0].registry}/{names[0].repository}"
        tags = tuple(each.tag for each in names if each.tag)
        size = found.size if isinstance(found, Manifest) else None
        return cls(image, found.digest, tags, f"{image}@{found.digest}", size)


@dataclass(frozen=True, slots=True)
class BuildImage:
    """An image in the engine, with its names once it is whole; `tell` takes the lines of the build's output."""

    engine: Engine
    names: ImageNames
    source: Source
    tell: Report = silent

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        return [Step(f"Build {self.names} from {self.source.context.folder}", self.build)]

    def build(self, _report: Report) -> str:
        """Build it; what did not change comes out of the engine's cache."""
        before = self.engine.image_id(self.names.local[0])
        labels = self.source.labels_for(self.names.tags[0])
        image_id = build(self.engine, self.source.context, self.source.options, labels, self.tell)
        with named(self.engine, image_id, self.names.local):
            return "unchanged" if image_id == before else "built"

    def result(self) -> BuiltImage:
        """Return what the engine has now."""
        return BuiltImage(local_image(self.engine, self.names), tuple(self.names.local))


@dataclass(frozen=True, slots=True)
class PushImage:
    """An image of the engine in a registry, under each of its tags.

    When the registry goes away meanwhile, it is awaited for `patience` seconds.
    """

    engine: Engine
    client: RegistryClient
    names: ImageNames
    patience: float = 300

    @property
    def targets(self) -> list[Reference]:
        """The names at the registry."""
        return self.names.at(self.client.endpoint.name)

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        return [self.reach_step(), self.push_step()]

    def reach_step(self) -> Step:
        """Return the step that comes before anything that takes long."""
        return Step(f"Reach the registry {self.client.endpoint.name}", lambda _report: reach(self.client))

    def push_step(self) -> Step:
        """Return the step that pushes."""
        return Step(f"Push {self.client.endpoint.name}/{self.names}", self.push)

    def push(self, report: Report) -> str:
        """Push what the registry does not have, and give it its tags there."""
        image_id = local_image(self.engine, self.names)
        with named(self.engine, image_id, [str(each) for each in self.targets]):
            return persistently(lambda: self._ensure(image_id, report), self.client, self.patience, report)

    def result(self) -> PushedImage:
        """Ask the registry what it has now; raises DigestMismatch unless it is the engine's image by every tag."""
        image_id = local_image(self.engine, self.names)
        found = [self.client.manifest(self.names.repository, tag) for tag in self.names.tags]
        for target, manifest in zip(self.targets, found, strict=True):
            if not is_image(manifest, image_id) and manifest.digest not in self._digests(image_id):
                raise DigestMismatch(
                    f"{target} is {manifest.digest} in the registry, which is not what was pushed",
                    "somebody else pushes to the same tag: run it again, or take another tag",
                )
        return PushedImage.of(self.targets, found[0])

    def _ensure(self, image_id: str, report: Report) -> str:
        found = self._present(image_id)
        wanted = found or self._pushed(report)
        client, repository = self.client, self.names.repository
        tagged = [tag for tag in self.names.tags if digest_at(client, repository, tag) != wanted.digest]
        for tag in tagged:
            client.put_manifest(repository, tag, wanted)
        if found is None:
            return "pushed"
        return f"there already, tagged {', '.join(tagged)}" if tagged else "unchanged"

    def _present(self, image_id: str) -> Manifest | Index | None:
        """Return the image's manifest if the registry has it, under a digest known here or one of the tags."""
        for each in [*self._digests(image_id), *self.names.tags]:
            try:
                found = self.client.manifest(self.names.repository, each)
            except NotFound:
                continue
            if is_image(found, image_id) or each == found.digest:
                return found
        return None

    def _pushed(self, report: Report) -> Manifest | Index:
        """Push under the first tag; the registry must then have what the engine says."""
        said = push(self.engine, self.targets[0], login_of(self.client), report)
        return self.client.manifest(self.names.repository, said)

    def _digests(self, image_id: str) -> list[Digest]:
        target = self.targets[0]
        return digests(self.engine, image_id, f"{target.registry}/{target.repository}")


@dataclass(frozen=True, slots=True)
class BuildAndPush:
    """Both, the registry being reached before a build that may take long."""

    build: BuildImage
    push: PushImage

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        return [self.push.reach_step(), *self.build.steps(), self.push.push_step()]

    def result(self) -> PushedImage:
        """Return what the registry has now."""
        return self.push.result()


def local_image(engine: Engine, names: ImageNames) -> str:
    """Return the id of the engine's image of that name; raises EngineError where it has none."""
    if found := engine.image_id(names.local[0]):
        return found
    others = engine.tags_of(names.repository)
    has = f"it has {', '.join(others)}" if others else "it has none of that name"
    raise EngineError(f"the engine has no image {names.local[0]}: {has}", "build it: leave --push-only out")
