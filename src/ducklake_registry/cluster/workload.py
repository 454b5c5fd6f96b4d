"""What a workload's own status says: how many of its pods are ready, and which pods are its newest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.kinds import CRON_JOB, DAEMON_SET, JOB, POD, STATEFUL_SET
from ducklake_registry.manifests import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rollout is: pods that are up to date and available, of those that are wanted.

    Of a Job they are those that have ended well, and so is the last run of a CronJob.
    """

    ready: int
    wanted: int
    complete: bool


def progress(workload: Object, kind: str = "Deployment") -> Progress:
    """Return how far the rollout of a Deployment, StatefulSet, DaemonSet, Job, CronJob or Pod is.

    They are counted as `kubectl rollout status` does, a Job as `kubectl wait --for=condition=Complete`, and a Pod
    by its readiness or its good end.
    """
    status = workload.get("status", {})
    ready, wanted, complete = _COUNTS.get(kind, _deployment)(workload.get("spec", {}), status)
    observed = status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0)
    return Progress(ready, wanted, complete and (observed or kind in _UNOBSERVED))


def _deployment(spec: Object, status: Object) -> tuple[int, int, bool]:
    wanted = spec.get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    return min(updated, available), wanted, updated == available == status.get("replicas", 0) == wanted


def _stateful_set(spec: Object, status: Object) -> tuple[int, int, bool]:
    wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy", {})
    updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    if strategy.get("type") == "OnDelete":  # its pods are new only when somebody deletes the old ones
        return ready, wanted, ready == wanted
    kept = min((strategy.get("rollingUpdate") or {}).get("partition", 0), wanted)
    return min(updated + kept, ready), wanted, updated >= wanted - kept and ready == wanted


def _daemon_set(spec: Object, status: Object) -> tuple[int, int, bool]:
    wanted, available = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    by_hand = spec.get("updateStrategy", {}).get("type") == "OnDelete"
    updated = wanted if by_hand else status.get("updatedNumberScheduled", 0)
    return min(updated, available), wanted, updated >= wanted and available >= wanted


def _job(spec: Object, status: Object) -> tuple[int, int, bool]:
    wanted = spec.get("completions") or 1
    return (
        status.get("succeeded", 0),
        wanted,
        bool(spec.get("suspend")) or condition(status, "Complete") is not None,
    )


def _cron_job(_spec: Object, status: Object) -> tuple[int, int, bool]:
    """Count the last run, once it has ended: none before the first."""
    last = status.get("lastScheduleTime")
    if not last or status.get("active"):
        return 0, 0, True
    ended_well = (status.get("lastSuccessfulTime") or "") >= last  # RFC 3339 in UTC, which sorts
    return int(ended_well), 1, ended_well


def _pod(_spec: Object, status: Object) -> tuple[int, int, bool]:
    done = status.get("phase") == "Succeeded" or condition(status, "Ready") is not None
    return int(done), 1, done


_COUNTS = {
    STATEFUL_SET.name: _stateful_set,
    DAEMON_SET.name: _daemon_set,
    JOB.name: _job,
    CRON_JOB.name: _cron_job,
    POD.name: _pod,
}
_UNOBSERVED = (JOB.name, CRON_JOB.name, POD.name)
"""Kinds whose status does not say which version of the object it is about."""


def condition(status: Object, name: str) -> Object | None:
    """Return the condition of this name that holds, if it does."""
    held = (each for each in status.get("conditions") or () if each["status"] == "True")
    return next((each for each in held if each["type"] == name), None)


def newest_pods(cluster: Cluster, workload: Object) -> list[Object]:
    """Return a workload's pods that are not on their way out, the newest first; a Pod is its own."""
    namespace = workload["metadata"]["namespace"]
    if workload.get("kind") == POD.name:
        return [workload]
    pods = [
        each
        for each in cluster.objects(POD, namespace, labels=_selector_of(workload))
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
    return condition(each.get("status", {}), "Ready") is not None


def is_registry(each: Object) -> bool:
    """Return whether an object is a part of the registry."""
    key, value = names.PART_OF
    return bool((each["metadata"].get("labels") or {}).get(key) == value)


def selector(labels: Mapping[str, str]) -> str:
    """Return labels in the form of a label selector: "app=docker-registry"."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _selector_of(workload: Object) -> str:
    wanted = workload["spec"]["selector"]
    requirements = map(_requirement, wanted.get("matchExpressions") or ())
    return ",".join(filter(None, [selector(wanted.get("matchLabels") or {}), *requirements]))


def _requirement(each: Object) -> str:
    key, values = each["key"], ", ".join(each.get("values") or ())
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "DoesNotExist": f"!{key}"}
    return forms.get(each["operator"], str(key))
