"""Taking away what was deployed: the registry from a cluster, or the laptop's cluster as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster import kind
from ducklake_registry.cluster.apply import is_there, label, remove
from ducklake_registry.cluster.contents import foreign_objects
from ducklake_registry.cluster.kinds import CLAIM, NAMESPACE
from ducklake_registry.manifests import RegistrySpec, patched, registry_objects
from ducklake_registry.step import Step
from ducklake_registry.workflows.deploy_registry import CLAIM_NAME, DEFAULT_NAMESPACE
from ducklake_registry.workflows.kind_cluster import registry_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.engine import Engine
    from ducklake_registry.manifests import Object
    from ducklake_registry.step import Report
    from ducklake_registry.waiting import Deadline


@dataclass(frozen=True, slots=True)
class CleanRegistry:
    """The end of the registry on a cluster; of its images too only with `delete_data`."""

    cluster: Cluster
    deadline: Deadline
    namespace: str = DEFAULT_NAMESPACE
    delete_data: bool = False

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        steps = [Step(f"Remove the registry from namespace {self.namespace}", self.remove_registry)]
        if self.delete_data:
            steps.append(Step(f"Delete the claim {CLAIM_NAME} and the images in it", self.remove_claim))
        return [*steps, Step(f"Remove the namespace {self.namespace}", self.remove_namespace)]

    def present(self) -> list[str]:
        """Return the names of the objects that are there and would go."""
        kept = {NAMESPACE.name} if self.delete_data else {NAMESPACE.name, CLAIM.name}
        unwanted = [each for each in self._objects() if each["kind"] not in kept]
        return [
            label(each) for each in unwanted if each["kind"] != NAMESPACE.name and is_there(self.cluster, each)
        ]

    def claim(self) -> Object | None:
        """Return the claim that holds the images, if there is one."""
        return self.cluster.get(CLAIM, CLAIM_NAME, self.namespace)

    def remove_registry(self, report: Report) -> str:
        """Remove everything but the claim and the namespace."""
        return self._remove(lambda each: each["kind"] not in {CLAIM.name, NAMESPACE.name}, report)

    def remove_claim(self, report: Report) -> str:
        """Delete the claim, and with it, on most storage classes, the images."""
        return self._remove(lambda each: each["kind"] == CLAIM.name, report)

    def remove_namespace(self, report: Report) -> str:
        """Remove the namespace if nothing is left in it: what others put there stays, and so do kept images."""
        if self.cluster.get(NAMESPACE, self.namespace) is None:
            return "not there"
        if left := foreign_objects(self.cluster, self.namespace):
            return f"kept: {', '.join(left[:3])}{' and others' if left[3:] else ''} in it"
        return self._remove(lambda each: each["kind"] == NAMESPACE.name, report)

    def _remove(self, chosen: Callable[[Object], bool], report: Report) -> str:
        unwanted = [each for each in self._objects() if chosen(each)]
        removed = remove(self.cluster, unwanted, self.deadline, report)
        return f"removed {len(removed)}" if removed else "not there"

    def _objects(self) -> list[Object]:
        return patched(registry_objects(), RegistrySpec(namespace=self.namespace))


@dataclass(frozen=True, slots=True)
class DestroyKind:
    """The end of the laptop's cluster, of everything in it, and of its context in the kubeconfig."""

    spec: kind.KindSpec
    engine: Engine
    kubeconfig: Kubeconfig
    deadline: Deadline

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        return [Step(f"Delete the cluster {self.spec.name}", self.destroy)]

    def exists(self) -> bool:
        """Return whether there is such a cluster.

        Raises ClusterError for one that dlr did not make.
        """
        nodes = self.engine.nodes(self.spec.name)
        if nodes:
            registry_port(self.spec, nodes)
        return bool(nodes)

    def destroy(self, report: Report) -> str:
        """Delete the nodes and the context; an environment that is not there is fine."""
        existed = self.exists()
        for path in self.kubeconfig.paths:
            if path.exists() or path == self.kubeconfig.paths[0]:
                kind.delete(self.spec.name, path, self.deadline.remaining, report)
        return "deleted" if existed else "not there"
