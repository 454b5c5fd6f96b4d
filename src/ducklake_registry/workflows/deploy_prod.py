"""The environment in production: what would be deployed where is found out first, then just that is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.apply import label
from ducklake_registry.errors import UsageError
from ducklake_registry.git import Checkout, NoCheckout
from ducklake_registry.manifests import images, load_workloads, repository_of
from ducklake_registry.reference import DOCKER_HUB, Reference
from ducklake_registry.workflows.build_and_push import ImageNames
from ducklake_registry.workflows.deploy_environment import DeployEnvironment, FoundImage
from ducklake_registry.workflows.engine_and_registry import reach
from ducklake_registry.workflows.image_names import LATEST, Destination, choose_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.cluster.apply import Change
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.project import Environment
    from ducklake_registry.reference import Repository, Tag
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report, Step
    from ducklake_registry.workflows.build_and_push import PushedImage


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image whose digest is settled: a tag that moves meanwhile changes nothing."""

    pushed: PushedImage

    def steps(self) -> list[Step]:
        """Return that nothing is to be done."""
        return []

    def result(self) -> PushedImage:
        """Return what is to run."""
        return self.pushed


@dataclass(frozen=True, slots=True)
class Release:
    """What goes to production: where, which images by which digests, and what each object becomes.

    `missing` names what pods wait for, and nobody has made yet.
    """

    context: str
    server: str
    version: str
    registry: str
    images: tuple[PushedImage, ...]
    changes: tuple[Change, ...]
    missing: tuple[str, ...] = ()

    @property
    def changing(self) -> bool:
        """Whether anything on the cluster is to be another than it is."""
        return any(each.outcome != "unchanged" for each in self.changes)


@dataclass(frozen=True, slots=True)
class DeployProd:
    """The environment on production's cluster, with the images that its registry has by `tag`.

    A rollout may take `patience` seconds.
    """

    cluster: Cluster
    client: RegistryClient
    environment: Environment
    tag: Tag
    patience: float = 300

    def look(self, report: Report) -> Release:
        """Find out what would be deployed; nothing is changed.

        Raises UsageError for an image of the manifests that is `latest`, NotFound for one that is not pushed.
        """
        self._check_images()
        context = self.cluster.context
        report(f"reaching {self.client.endpoint.name}")
        reach(self.client)
        found = tuple(self._found(each.image).result() for each in self.environment.builds)
        report(f"asking the cluster of context {context}")
        version = self.cluster.version()
        deployment, registry = self._deployment(found), self.client.endpoint.name
        changes, missing = tuple(deployment.preview()), tuple(deployment.missing_secrets())
        return Release(context, self.cluster.server, version, registry, found, changes, missing)

    def steps(self, release: Release) -> list[Step]:
        """Return what is to be done to deploy just that."""
        return self._deployment(release.images).steps()

    def _deployment(self, found: Sequence[PushedImage]) -> DeployEnvironment:
        return DeployEnvironment(self.cluster, self.environment, [*map(KnownImage, found)], self.patience)

    def _found(self, image: Repository) -> FoundImage:
        names = ImageNames(image, (self.tag,))
        return FoundImage(
            self.client, names, f"push it: dlr build-and-push --prod --image {image} --tag {self.tag}"
        )

    def _check_images(self) -> None:
        """See that the images which the project does not build say which version they are."""
        built = {each.image for each in self.environment.builds}
        for each in (one for path in self.environment.manifests for one in load_workloads(path)):
            for image in images(each):
                if repository_of(image) not in built and _moves(image):
                    raise UsageError(
                        f"{label(each)} runs {image}, which is whatever was pushed last",
                        "give it a version or a digest in the manifest",
                    )


def release_tag(given: Sequence[str]) -> Tag:
    """Return the version that goes to production; raises UsageError where that is none, several or `latest`."""
    if not given:
        raise UsageError("nobody says which version goes to production", "export IMAGE_TAG=v1.2.3")
    if len(given) > 1:
        raise UsageError(f"only one version goes to production, not {', '.join(given)}", "name one: --tag v1.2.3")
    (tag,) = choose_tags(given, NoCheckout(""), Destination.PRODUCTION)
    return tag


def check_checkout(checkout: Checkout | NoCheckout) -> None:
    """See that what is deployed is what was committed; raises UsageError. Without git nobody can tell."""
    if isinstance(checkout, Checkout) and checkout.dirty:
        raise UsageError(
            f"the checkout differs from its commit {checkout.short}: nobody could tell what runs, or go back",
            "commit or stash it; `git status` shows what differs",
        )


def _moves(image: str) -> bool:
    """Tell whether an image's name means another image after the next push."""
    name = Reference.parse(image, default_registry=DOCKER_HUB)
    return name.digest is None and name.tag in {None, LATEST}
