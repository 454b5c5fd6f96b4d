"""An image for several platforms, which buildx builds and pushes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.engine import check_buildx, load_with_buildx, names_kept, push_with_buildx
from ducklake_registry.errors import DigestMismatch
from ducklake_registry.step import Step, silent
from ducklake_registry.workflows.build_and_push import BuiltImage, PushedImage, local_image
from ducklake_registry.workflows.engine_and_registry import digest_at, login_of, persistently, reach

if TYPE_CHECKING:
    from ducklake_registry.engine import Engine
    from ducklake_registry.reference import Digest, Reference
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report
    from ducklake_registry.workflows.build_and_push import ImageNames, Source


def buildx_step() -> Step:
    """Return the step that finds buildx, before anything that takes long."""

    def check(_report: Report) -> str:
        return check_buildx()

    return Step("Find docker buildx", check)


@dataclass(frozen=True, slots=True)
class BuildxLoad:
    """An image in the engine that buildx has built, for one platform."""

    engine: Engine
    names: ImageNames
    source: Source
    tell: Report = silent

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        title = f"Build {self.names} from {self.source.context.folder} with buildx"
        return [buildx_step(), Step(title, self.build)]

    def build(self, _report: Report) -> str:
        """Build it and load it into the engine."""
        source = self.source
        labels = source.labels_for(self.names.tags[0])
        with names_kept(self.engine, self.names.local):
            load_with_buildx(source.context, source.options, labels, self.names.local, self.tell)
        return "built"

    def result(self) -> BuiltImage:
        """Return what the engine has now."""
        return BuiltImage(local_image(self.engine, self.names), tuple(self.names.local))


@dataclass(frozen=True, slots=True)
class BuildxPush:
    """An image in a registry that buildx has built, mostly for several platforms.

    Some of buildx's builders leave it in the engine too, under the same names. When the registry goes away
    meanwhile, it is awaited for `patience` seconds.
    """

    engine: Engine
    client: RegistryClient
    names: ImageNames
    source: Source
    patience: float = 300
    tell: Report = silent

    @property
    def targets(self) -> list[Reference]:
        """The names at the registry."""
        return self.names.at(self.client.endpoint.name)

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        name = self.client.endpoint.name
        title = f"Build {name}/{self.names} from {self.source.context.folder} and push with buildx"
        return [
            buildx_step(),
            Step(f"Reach the registry {name}", lambda _report: reach(self.client)),
            Step(title, self.build),
        ]

    def build(self, report: Report) -> str:
        """Build and push; the registry must then have what buildx says, by every tag."""
        with names_kept(self.engine, [str(each) for each in self.targets]):
            return persistently(self._ensure, self.client, self.patience, report)

    def result(self) -> PushedImage:
        """Ask the registry what it has now."""
        return PushedImage.of(self.targets, self.client.manifest(self.names.repository, self.names.tags[0]))

    def _ensure(self) -> str:
        before = self._digests()
        said = self._pushed()
        for target, found in zip(self.targets, self._digests(), strict=True):
            if found != said:
                raise DigestMismatch(f"{target} is {found} in the registry, but buildx pushed {said}")
        return "unchanged" if set(before) == {said} else "pushed"

    def _digests(self) -> list[Digest | None]:
        return [digest_at(self.client, self.names.repository, tag) for tag in self.names.tags]

    def _pushed(self) -> Digest:
        source, labels = self.source, self.source.labels_for(self.names.tags[0])
        login = login_of(self.client)
        return push_with_buildx(source.context, source.options, labels, self.targets, login, self.tell)
