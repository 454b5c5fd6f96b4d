"""Following workloads until their pods are there, and finding out why they are not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ducklake_registry.cluster.diagnosis import diagnose, pod_trouble
from ducklake_registry.cluster.kinds import DAEMON_SET, DEPLOYMENT, JOB, POD, STATEFUL_SET, Kind
from ducklake_registry.cluster.workload import Progress, condition, container, newest_pods, progress
from ducklake_registry.errors import RolloutFailed, TimeoutExpired
from ducklake_registry.waiting import Deadline, NotYet, spoken_duration, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object
    from ducklake_registry.step import Report

PATIENCE = 20.0
"""Seconds that a pod may be in the same trouble before the rollout counts as failed: an image's registry may be
away for a moment, a first start may fail for what the second finds there."""

FOLLOWED = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, JOB, POD)
"""The kinds whose pods are waited for, and pods that stand alone."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet, DaemonSet, Job or Pod to follow."""

    kind: Kind
    namespace: str
    name: str

    @classmethod
    def of(cls, each: Object) -> Workload:
        """Return the workload that an object is."""
        return cls(Kind(each["apiVersion"], each["kind"]), each["metadata"]["namespace"], each["metadata"]["name"])


def follow(cluster: Cluster, workloads: Sequence[Workload], deadline: Deadline, report: Report) -> None:
    """Wait until every pod of each workload is of its newest template and available, and each Job has ended.

    Raises RolloutFailed when a pod's trouble lasts or a Job has failed, TimeoutExpired at the deadline; both say
    why, with the pod's last events and the end of its log as details.
    """
    patience = _Patience()

    def probe() -> bool | NotYet:
        waiting = [each for each in (_look(cluster, one) for one in workloads) if not each.progress.complete]
        if not waiting:
            return True
        if lost := patience.lost(waiting):
            raise diagnose(cluster, lost.live, f"{lost.workload.name} does not start: {lost.trouble}")
        return NotYet(", ".join(each.told(alone=len(workloads) == 1) for each in waiting))

    try:
        wait_for(f"the rollout of {', '.join(each.name for each in workloads)}", probe, deadline, report)
    except TimeoutExpired as error:
        raise _explained(cluster, workloads, deadline, error) from error


def _explained(
    cluster: Cluster, workloads: Sequence[Workload], deadline: Deadline, error: TimeoutExpired
) -> TimeoutExpired:
    """Return the error with the evidence about the workload that is in trouble, or else behind the others."""
    waiting = [each for each in (_look(cluster, one) for one in workloads) if not each.progress.complete]
    if not waiting:
        return error
    why = diagnose(cluster, max(waiting, key=lambda each: each.trouble is not None).live, error.message)
    hint = why.hint or f"give it more than {spoken_duration(deadline.seconds)} with --timeout"
    return TimeoutExpired(why.message, hint, why.details)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A workload as it is: `trouble` keeps its newest pods from starting, in Kubernetes' own word for it.

    `restarts` counts those of the pods; `crashing` is whether it is that which is the trouble.
    """

    workload: Workload
    live: Object
    progress: Progress
    trouble: str | None = None
    restarts: int = 0

    @property
    def crashing(self) -> bool:
        return "exited with" in (self.trouble or "")

    def told(self, *, alone: bool) -> str:
        count = f"{self.progress.ready} of {self.progress.wanted} ready"
        said = f"{count}; {self.trouble}" if self.trouble else count
        return said if alone else f"{self.workload.name} {said}"


@dataclass
class _Patience:
    """Which troubles have been seen, since when, and with how many restarts before it counts."""

    since: dict[tuple[Workload, str], tuple[float, int]] = field(default_factory=dict)

    def lost(self, waiting: Sequence[_Seen]) -> _Seen | None:
        """Return the workload that will not start without somebody's help, if there is one.

        A program may crash until another one that starts beside it is there: while one still starts without
        trouble, crashes do not count, and after that only from the next one on.
        """
        starting = any(each.trouble is None for each in waiting)
        return next((each for each in waiting if each.trouble and self._lasts(each, starting=starting)), None)

    def _lasts(self, each: _Seen, *, starting: bool) -> bool:
        now = time.monotonic()
        # Back-off and the failure it backs off from take turns, with counts and ids in their text: the first
        # words tell one trouble from another.
        key = (each.workload, (each.trouble or "").partition(":")[0])
        if starting and each.crashing:
            self.since[key] = (now, each.restarts + 1)
        first, restarts = self.since.setdefault(key, (now, 0))
        return now - first > PATIENCE and each.restarts >= restarts


def _look(cluster: Cluster, workload: Workload) -> _Seen:
    kind, name = workload.kind.name, workload.name
    live = cluster.get(workload.kind, name, workload.namespace)
    if live is None:
        raise RolloutFailed(f"{kind} {name} was deleted while it was waited for")
    now = progress(live, kind)
    if now.complete:
        return _Seen(workload, live, now)
    if failed := condition(live.get("status", {}), "Failed"):
        raise diagnose(cluster, live, f"{kind} {name} has failed: {failed.get('message') or failed.get('reason')}")
    if refused := condition(live.get("status", {}), "ReplicaFailure"):
        return _Seen(workload, live, now, f"no pod can be made: {refused['message']}")
    # What was evicted stays beside the pod that has taken its place.
    pods = newest_pods(cluster, live)[: now.wanted]
    troubles = [f"{_behind(live, pod)}{trouble}" for pod in pods if (trouble := pod_trouble(pod))]
    if workload.kind == JOB:  # which starts its pods again as often as it is told to, and then says so
        troubles = [each for each in troubles if "exited with" not in each]
    restarts = sum(container(pod).get("restartCount", 0) for pod in pods)
    return _Seen(workload, live, now, next(iter(troubles), None), restarts)


def _behind(live: Object, pod: Object) -> str:
    """Return words for a pod that a StatefulSet will not replace: until it is ready, the others are waited with.

    Source: "Forced rollback" of the Kubernetes documentation of StatefulSets.
    """
    revision = (pod["metadata"].get("labels") or {}).get("controller-revision-hash")
    newest = live.get("status", {}).get("updateRevision")
    is_old = revision and newest and revision != newest
    return f"the pod {pod['metadata']['name']} of the version before is stuck: " if is_old else ""
