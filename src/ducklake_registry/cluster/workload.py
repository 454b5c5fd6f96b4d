"""What a workload's own status says: how many of its pods are ready, and which pods are its newest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.kinds import POD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rollout is: pods that are up to date and available, of those that are wanted."""

    ready: int
    wanted: int
    complete: bool


def progress(deployment: Object) -> Progress:
    """Return how far a Deployment's rollout is, as `kubectl rollout status` counts it."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    observed = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    complete = observed and updated == available == status.get("replicas", 0) == wanted
    return Progress(min(updated, available), wanted, complete)


def newest_pods(cluster: Cluster, deployment: Object) -> list[Object]:
    """Return a Deployment's pods that are not on their way out, the newest first."""
    namespace = deployment["metadata"]["namespace"]
    labels = selector(deployment["spec"]["selector"]["matchLabels"])
    pods = [
        each
        for each in cluster.objects(POD, namespace, labels=labels)
        if "deletionTimestamp" not in each["metadata"]
    ]
    return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)


def container(pod: Object) -> Object:
    """Return the status of a pod's first container; an empty one before it has any."""
    return next(iter(pod.get("status", {}).get("containerStatuses", ())), {})


def run_of(pod: Object) -> str | None:
    """Return the id of the run that a pod's first container is in or was in last; None before the first."""
    return container(pod).get("containerID") or None


def is_ready(each: Object) -> bool:
    """Return whether a pod takes requests, or a node pods."""
    conditions = each.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def selector(labels: Mapping[str, str]) -> str:
    """Return labels in the form of a label selector: "app=docker-registry"."""
    return ",".join(f"{key}={value}" for key, value in labels.items())
