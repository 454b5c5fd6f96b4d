"""A new version of an image on the laptop: where its environment runs, the workloads go over to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.apply import apply_all, placed
from ducklake_registry.cluster.client import kind_of
from ducklake_registry.cluster.kind import KindSpec
from ducklake_registry.errors import NotFound
from ducklake_registry.lock import exclusive
from ducklake_registry.manifests import load_workloads, pinned, runs
from ducklake_registry.reference import Reference
from ducklake_registry.step import Step
from ducklake_registry.waiting import Deadline
from ducklake_registry.workflows.deploy_environment import follow_all
from ducklake_registry.workflows.image_names import LATEST
from ducklake_registry.workflows.kind_cluster import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.engine import Engine
    from ducklake_registry.manifests import Object
    from ducklake_registry.project import Environment
    from ducklake_registry.reference import Repository
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report
    from ducklake_registry.workflows.build_and_push import PushedImage


@dataclass(frozen=True, slots=True)
class RollOutImage:
    """The workloads of an environment that run an image, on the kind cluster whose registry it was pushed to.

    No other cluster is ever touched: which it is, the engine says, and the way to it kind, not a kubeconfig.
    `pushed` tells what is in the registry.
    """

    engine: Engine
    client: RegistryClient
    environment: Environment
    image: Repository
    pushed: Callable[[], PushedImage]
    patience: float = 300

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        return [Step(f"Roll out {self.image} on the laptop's cluster", self.roll_out)]

    def roll_out(self, report: Report) -> str:
        """Pin the workloads that are there to the digest that was pushed, and wait for their pods."""
        endpoint, deadline = self.client.endpoint, Deadline(self.patience)
        name = self.engine.kind_cluster_at(endpoint.port, KindSpec().node_port)
        if name is None:
            return f"left out: no kind cluster has its registry at {endpoint.name}"
        with exclusive(f"kind-{name}", deadline, report):
            cluster = connected(name)
            objects = self._objects(cluster)
            if not objects:
                return f"left out: nothing in {cluster.context} runs it yet; `dlr deploy-kind` deploys it"
            outcome = apply_all(cluster, objects, deadline, report)
            ready = follow_all(cluster, objects, deadline, report)
            return f"{outcome}; {ready} in {cluster.context}"

    def _objects(self, cluster: Cluster) -> list[Object]:
        found = [each for path in self.environment.manifests for each in load_workloads(path)]
        mine = [placed(cluster, each) for each in found if runs(each, self.image)]
        there = [each for each in mine if self._runs_already(cluster, each)]
        others = [each.image for each in self.environment.builds if any(runs(one, each.image) for one in there)]
        pins = {each: self._latest(each) for each in others if each != self.image}
        return pinned(there, pins | {self.image: Reference.parse(self.pushed().reference)})

    def _runs_already(self, cluster: Cluster, each: Object) -> bool:
        live = cluster.get(kind_of(each), each["metadata"]["name"], each["metadata"].get("namespace"))
        return live is not None and runs(live, self.image)

    def _latest(self, image: Repository) -> Reference:
        """Return what another image of the same workloads is to be: what was pushed of it last."""
        try:
            digest = self.client.head_manifest(image, LATEST).digest
        except NotFound as error:
            raise NotFound(error.message, "`dlr deploy-kind` builds and pushes all images") from error
        return Reference(self.client.endpoint.name, image, digest=digest)
