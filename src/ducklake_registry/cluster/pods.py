"""Pods, and the images that they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.kinds import POD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object

_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class RunningImage:
    """An image of a pod: its name as the pod has it, and the digest that its node found, or ""."""

    namespace: str
    pod: str
    image: str
    digest: str


def running_images(cluster: Cluster) -> list[RunningImage]:
    """Return the images of all pods that have not ended, in all namespaces. Raises ClusterError."""
    pods = [pod for pod in cluster.objects(POD) if pod.get("status", {}).get("phase") not in _ENDED]
    return [image for pod in pods for image in _images(pod)]


def _images(pod: Object) -> Iterator[RunningImage]:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    status = pod.get("status", {})
    found = {
        each["name"]: each.get("imageID", "").rpartition("@")[2]
        for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        for each in status.get(key) or ()
    }
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for each in pod["spec"].get(key) or ():
            yield RunningImage(namespace, name, each.get("image", ""), found.get(each["name"], ""))
