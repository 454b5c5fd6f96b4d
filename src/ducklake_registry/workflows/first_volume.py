"""The registry's first volume on a cluster of one kind node, there before the cluster's provisioner is."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from ducklake_registry.cluster.apply import apply
from ducklake_registry.cluster.classes import is_default_class
from ducklake_registry.cluster.kinds import CLAIM, STORAGE_CLASS, VOLUME
from ducklake_registry.errors import ClusterError
from ducklake_registry.manifests import data_folder, find, load, names

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.engine import Engine, Node
    from ducklake_registry.manifests import Object

FOLDER = "/var/local-path-provisioner"
"""Where the storage class of kind keeps the volumes on a node."""

_MANIFEST = "/kind/manifests/default-storage.yaml"
"""What of a node's image kind applies for storage."""

_PROVISIONER = "rancher.io/local-path"


def storage_objects(engine: Engine, node: Node) -> list[Object]:
    """Return what kind applies for storage: the class and who makes its volumes, as the node's image has them."""
    texts = engine.files_in(node.name, _MANIFEST).values()
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


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

    def ensure(self, nodes: list[Node]) -> str:
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

    def begin_class(self, node: Node) -> None:
        """Make the storage class that kind makes last, from the file that kind makes it from.

        Nothing that wants a volume need wait for kind then, to which it is as if it had made the class itself.
        Raises ClusterError while the API server does not give the class to claims yet: a claim that comes too
        early waits for one a quarter of a minute.
        """
        for each in storage_objects(self.engine, node):
            if each["kind"] == STORAGE_CLASS.name:
                apply(self.cluster, each)
        trial = copy.deepcopy(find(self.objects, "PersistentVolumeClaim", names.CLAIM))
        trial["metadata"]["namespace"] = "default"  # its own is not there yet
        if not self.cluster.apply(trial, dry_run=True)["spec"].get("storageClassName"):
            raise ClusterError("claims get no storage class yet")

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
