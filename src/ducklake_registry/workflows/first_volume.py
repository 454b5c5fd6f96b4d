"""The registry's first volume on a cluster of one kind node, there before the cluster's provisioner is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.apply import apply
from ducklake_registry.cluster.classes import is_default_class
from ducklake_registry.cluster.kinds import CLAIM, STORAGE_CLASS, VOLUME
from ducklake_registry.manifests import data_folder, find, load, names

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.engine import Engine, Node
    from ducklake_registry.manifests import Object
    from ducklake_registry.step import Report

FOLDER = "/var/local-path-provisioner"
"""Where the storage class of kind keeps the volumes on a node."""

_PROVISIONER = "rancher.io/local-path"


@dataclass(frozen=True, slots=True)
class FirstVolume:
    """The volume for the registry's claim among `objects`, on the only node of a cluster.

    A provisioner has to be started, and starts a pod for each volume: some 6 seconds that a new cluster need not
    take. With several nodes the scheduler chooses one, and any other provisioner knows best itself: those are left
    to make the volume.
    """

    cluster: Cluster
    engine: Engine
    objects: list[Object]

    def ensure(self, nodes: list[Node], _report: Report) -> str:
        """Make the volume if the claim has none, and nothing speaks for another."""
        (wanted,) = load([data_folder("kind") / "registry-volume.yaml"])
        claim = find(self.objects, "PersistentVolumeClaim", names.CLAIM)
        if self.cluster.get(CLAIM, names.CLAIM, claim["metadata"]["namespace"]):
            return "unchanged"
        storage_class = self._storage_class()
        if len(nodes) > 1 or storage_class is None or self.cluster.get(VOLUME, wanted["metadata"]["name"]):
            return "left to the cluster"
        (node,) = nodes
        path = f"{FOLDER}/{wanted['metadata']['name']}"
        self.engine.run_in(node.name, ["mkdir", "--parents", "--mode=0777", path])
        wanted["spec"] |= _place(claim, storage_class, node.name, path, wanted["spec"])
        return apply(self.cluster, wanted).outcome

    def _storage_class(self) -> str | None:
        """Return the name of the default storage class if it is kind's own."""
        for each in self.cluster.objects(STORAGE_CLASS):
            if is_default_class(each) and each["provisioner"] == _PROVISIONER:
                return str(each["metadata"]["name"])
        return None


def _place(claim: Object, storage_class: str, node: str, path: str, spec: Object) -> Object:
    """Return what ties the volume to the claim, the node and the folder."""
    metadata = claim["metadata"]
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "capacity": claim["spec"]["resources"]["requests"],
        "storageClassName": storage_class,
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
        },
        "hostPath": spec["hostPath"] | {"path": path},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
