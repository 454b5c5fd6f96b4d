"""Following a Deployment until its pods are there, and finding out why they are not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ducklake_registry.cluster.diagnosis import diagnose, pod_trouble
from ducklake_registry.cluster.kinds import DEPLOYMENT
from ducklake_registry.cluster.workload import newest_pods, progress
from ducklake_registry.errors import RolloutFailed, TimeoutExpired
from ducklake_registry.waiting import Deadline, NotYet, spoken_duration, wait_for

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object
    from ducklake_registry.step import Report

PATIENCE = 20.0
"""Seconds that a pod may be in the same trouble before the rollout counts as failed: an image's registry may be
away for a moment, a first start may fail for what the second finds there."""


def follow(cluster: Cluster, namespace: str, name: str, deadline: Deadline, report: Report) -> None:
    """Wait until every pod of a Deployment is of its newest template and available.

    Raises RolloutFailed when a pod's trouble lasts, TimeoutExpired at the deadline; both say why, with the
    pod's last events and the end of its log as details.
    """
    since: dict[str, float] = {}

    def probe() -> bool | NotYet:
        deployment = cluster.get(DEPLOYMENT, name, namespace)
        if deployment is None:
            raise RolloutFailed(f"Deployment {name} was deleted while it was waited for")
        now = progress(deployment)
        if now.complete:
            return True
        trouble = _trouble(cluster, deployment)
        if trouble and time.monotonic() - _first_seen(since, trouble) > PATIENCE:
            raise diagnose(cluster, deployment, f"{name} does not start: {trouble}")
        return NotYet(f"{now.ready} of {now.wanted} ready" + (f"; {trouble}" if trouble else ""))

    try:
        wait_for(f"the rollout of {name}", probe, deadline, report)
    except TimeoutExpired as error:
        deployment = cluster.get(DEPLOYMENT, name, namespace)
        if deployment is None:
            raise
        why = diagnose(cluster, deployment, error.message)
        hint = why.hint or f"give it more than {spoken_duration(deadline.seconds)} with --timeout"
        raise TimeoutExpired(why.message, hint, why.details) from error


def _trouble(cluster: Cluster, deployment: Object) -> str | None:
    """Return what keeps the newest pods from starting, in Kubernetes' own word for it."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"no pod can be made: {condition['message']}"
    # What was evicted stays beside the pod that has taken its place.
    newest = newest_pods(cluster, deployment)[: progress(deployment).wanted]
    troubles = (pod_trouble(pod) for pod in newest)
    return next(filter(None, troubles), None)


def _first_seen(since: dict[str, float], trouble: str) -> float:
    # Back-off and the failure it backs off from take turns, with counts and ids in their text: the first words
    # tell one trouble from another.
    return since.setdefault(trouble.partition(":")[0], time.monotonic())
