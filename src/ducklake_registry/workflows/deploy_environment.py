"""A project's own workloads on a cluster, running the very images that are in the registry."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ducklake_registry.cluster.apply import Change, apply_all, label, placed, preview
from ducklake_registry.cluster.client import kind_of
from ducklake_registry.cluster.kinds import SECRET
from ducklake_registry.cluster.rollout import FOLLOWED, Workload, follow
from ducklake_registry.errors import AccessDenied, NotFound
from ducklake_registry.manifests import images, load_workloads, pinned, repository_of, secrets
from ducklake_registry.reference import Reference
from ducklake_registry.step import Step
from ducklake_registry.waiting import Deadline
from ducklake_registry.workflows.build_and_push import PushedImage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object
    from ducklake_registry.project import Environment
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report
    from ducklake_registry.workflows.build_and_push import ImageNames


class ListedImage(Protocol):
    """An image that the environment lists: the steps that bring it into the registry, and what is there then."""

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""

    def result(self) -> PushedImage:
        """Ask the registry what it has."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image that somebody else has brought into the registry, by the first of its tags."""

    client: RegistryClient
    names: ImageNames
    hint: str

    @property
    def name(self) -> Reference:
        """Its name at the registry."""
        return self.names.at(self.client.endpoint.name)[0]

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        return [Step(f"Find {self.name}", lambda _report: self.result().digest)]

    def result(self) -> PushedImage:
        """Ask the registry what it has; raises NotFound."""
        name = self.name
        try:
            found = self.client.manifest(self.names.repository, self.names.tags[0])
        except NotFound as error:
            raise NotFound(f"{name} is not in the registry", self.hint) from error
        return PushedImage.of([name], found)


@dataclass(frozen=True, slots=True)
class DeployEnvironment:
    """The environment on a cluster: its images are seen to first, then manifest after manifest is rolled out.

    A rollout may take `patience` seconds.
    """

    cluster: Cluster
    environment: Environment
    images: Sequence[ListedImage] = ()
    patience: float = 300

    def check_step(self) -> Step:
        """Return the step that comes before anything that takes long or changes something."""
        return Step(f"Check the environment of {self.environment.source.name}", self.check)

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        steps = [step for image in self.images for step in image.steps()]
        once = {step.title: step for step in steps}  # several images reach one registry
        return [*once.values(), *self.deploy_steps()]

    def deploy_steps(self) -> list[Step]:
        """Return what is to be done once the images are in the registry."""
        steps = []
        for path in self.environment.manifests:
            title = self.environment.title(path)
            steps.append(Step(f"Apply {title}", partial(self.apply, path)))
            steps.append(Step(f"Roll out {title}", partial(self.roll_out, path)))
        return steps

    def check(self, _report: Report) -> str:
        """See that the manifests can be read."""
        found = self._all()
        images = ", ".join(each.image for each in self.environment.builds)
        return f"{len(found)} objects" + (f", images {images}" if images else "")

    def pins(self) -> list[PushedImage]:
        """Ask the registry which images the workloads are to run."""
        return [each.result() for each in self.images]

    def images_from_elsewhere(self) -> list[str]:
        """Return the images that the manifests name and the environment does not build."""
        mine = {None, *(each.image for each in self.environment.builds)}  # None: no name, as Kubernetes will tell
        found = dict.fromkeys(image for each in self._all() for image in images(each))
        return [image for image in found if repository_of(image) not in mine]

    def missing_secrets(self) -> list[str]:
        """Return the Secrets that pods want and that are neither among the manifests nor on the cluster.

        Somebody else may bring them before the pods start; where nobody may ask for Secrets, none is missing.
        """
        objects = self._all()
        made = {each["metadata"]["name"] for each in objects if each["kind"] == SECRET.name}
        wanted = {name: each for each in objects for name in secrets(each) if name not in made}
        found = []
        for name, each in sorted(wanted.items()):
            namespace = placed(self.cluster, each)["metadata"]["namespace"]
            with contextlib.suppress(AccessDenied):
                if self.cluster.get(SECRET, name, namespace) is None:
                    found.append(f"Secret {name} in {namespace}, for {label(each)}")
        return found

    def _all(self) -> list[Object]:
        return [each for path in self.environment.manifests for each in load_workloads(path)]

    def objects(self, path: Path) -> list[Object]:
        """Return the objects of a manifest as they will be applied."""
        pins = {each.repository: each for each in (Reference.parse(pin.reference) for pin in self.pins())}
        return pinned(load_workloads(path), pins)

    def preview(self) -> list[Change]:
        """Return what applying would change, object by object."""
        return preview(self.cluster, [each for path in self.environment.manifests for each in self.objects(path)])

    def apply(self, path: Path, report: Report) -> str:
        """Apply every object of a manifest; the outcome counts them."""
        return apply_all(self.cluster, self.objects(path), Deadline(self.patience), report)

    def roll_out(self, path: Path, report: Report) -> str:
        """Wait until the pods of a manifest are the newest and ready."""
        return follow_all(self.cluster, load_workloads(path), Deadline(self.patience), report)


def follow_all(cluster: Cluster, objects: Sequence[Object], deadline: Deadline, report: Report) -> str:
    """Wait for those objects that have pods to wait for, and return their names."""
    followed = (each for each in objects if kind_of(each) in FOLLOWED)
    workloads = [Workload.of(placed(cluster, each)) for each in followed]
    if not workloads:
        return "nothing to wait for"
    follow(cluster, workloads, deadline, report)
    return f"{', '.join(each.name for each in workloads)} ready"
