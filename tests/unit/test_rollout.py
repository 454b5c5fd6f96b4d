"""Following workloads whose pods will not start, and what is told of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.cluster.kinds import DEPLOYMENT, POD, Kind
from ducklake_registry.cluster.rollout import Workload, follow
from ducklake_registry.errors import RolloutFailed, TimeoutExpired
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.unit.fake_api import Answer, FakeApi, Request, cluster_at, fake_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ducklake_registry.cluster.client import Cluster


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as api:
        api.serve("v1", "Pod", "Event")
        api.serve("apps/v1", "Deployment")
        yield api


@pytest.fixture
def cluster(api: FakeApi, tmp_path: Path) -> Cluster:
    return cluster_at(api.address, tmp_path)


_DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {
        "name": "docker-registry",
        "namespace": "storage",
        "generation": 1,
        "labels": {"app.kubernetes.io/part-of": "ducklake-registry"},
    },
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "docker-registry"}}},
    "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1},
}
REGISTRY = Workload(DEPLOYMENT, "storage", "docker-registry")
_DEPLOYMENT_PATH = "/apis/apps/v1/namespaces/storage/deployments/docker-registry"


def _pod(name: str, made: str, **status: object) -> dict[str, object]:
    metadata = {"name": name, "namespace": "storage", "creationTimestamp": made}
    return {"metadata": metadata, "spec": {}, "status": status}


@pytest.fixture
def rollout(api: FakeApi) -> FakeApi:
    """A rollout that does not come to its end."""
    api.answers[_DEPLOYMENT_PATH] = Answer(body=_DEPLOYMENT)
    api.answers["/api/v1/namespaces/storage/events"] = Answer(body={"items": []})
    return api


def _set_pods(api: FakeApi, *pods: dict[str, object]) -> None:
    api.answers["/api/v1/namespaces/storage/pods"] = Answer(body={"items": list(pods)})


def test_a_rollout_that_is_complete(rollout: FakeApi, cluster: Cluster) -> None:
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    rollout.answers[_DEPLOYMENT_PATH] = Answer(body=_DEPLOYMENT | {"status": status})
    follow(cluster, [REGISTRY], Deadline(5), silent)


def test_a_rollout_tells_what_keeps_the_pod(
    rollout: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ducklake_registry.cluster.rollout.PATIENCE", 0.1)
    state = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    _set_pods(rollout, _pod("new", "2026-01-02T00:00:00Z", containerStatuses=[{"state": state}]))
    event = {"involvedObject": {"name": "new"}, "type": "Warning", "reason": "Failed", "message": "no such\nhost"}
    event["metadata"] = {"creationTimestamp": "2026-01-02T00:00:01Z"}
    rollout.answers["/api/v1/namespaces/storage/events"] = Answer(body={"items": [event]})
    rollout.answers["/api/v1/namespaces/storage/pods/new/log"] = Answer(body="first\n\nlast\n")
    with pytest.raises(RolloutFailed) as caught:
        follow(cluster, [REGISTRY], Deadline(10), silent)
    assert caught.value.message == "docker-registry does not start: ImagePullBackOff: Back-off pulling image"
    assert caught.value.details == ("event: Failed: no such host", "log: first", "log: last")
    assert caught.value.hint
    assert "--registry-image" in caught.value.hint


def test_a_rollout_that_times_out_says_why(rollout: FakeApi, cluster: Cluster) -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "Insufficient cpu",
    }
    _set_pods(rollout, _pod("new", "2026-01-02T00:00:00Z", conditions=[condition]))
    with pytest.raises(TimeoutExpired, match="last seen: 0 of 1 ready; Unschedulable: Insufficient cpu") as caught:
        follow(cluster, [REGISTRY], Deadline(0.3), silent)
    assert caught.value.hint
    assert "--cpu" in caught.value.hint


def test_an_evicted_pod_that_has_been_replaced_is_no_trouble(
    rollout: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ducklake_registry.cluster.rollout.PATIENCE", 0.0)
    evicted = _pod("old", "2026-01-01T00:00:00Z", phase="Failed", reason="Evicted", message="low on memory")
    _set_pods(rollout, evicted, _pod("new", "2026-01-02T00:00:00Z", phase="Pending"))
    with pytest.raises(TimeoutExpired, match=r"last seen: 0 of 1 ready$"):
        follow(cluster, [REGISTRY], Deadline(0.6), silent)


def test_a_quota_that_allows_no_pod(rollout: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ducklake_registry.cluster.rollout.PATIENCE", 0.1)
    condition = {"type": "ReplicaFailure", "status": "True", "message": "pods is forbidden: exceeded quota"}
    rollout.answers[_DEPLOYMENT_PATH] = Answer(body=_DEPLOYMENT | {"status": {"conditions": [condition]}})
    _set_pods(rollout)
    with pytest.raises(RolloutFailed, match="no pod can be made: pods is forbidden: exceeded quota") as caught:
        follow(cluster, [REGISTRY], Deadline(10), silent)
    assert caught.value.hint


def test_a_deployment_that_goes_away(cluster: Cluster) -> None:
    with pytest.raises(RolloutFailed, match="was deleted"):
        follow(cluster, [REGISTRY], Deadline(10), silent)


def _workload(api: FakeApi, kind: str, name: str, *pods: dict[str, object], **status: object) -> Workload:
    """Let the server have a workload with these pods; return what it is followed by."""
    group, plural = ("batch/v1", "jobs") if kind == "Job" else ("apps/v1", f"{kind.lower()}s")
    api.serve(group, kind)
    metadata = {"name": name, "namespace": "lake", "generation": 1}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}}
    body = {"kind": kind, "metadata": metadata, "spec": spec, "status": {"observedGeneration": 1} | status}
    api.answers[f"/apis/{group}/namespaces/lake/{plural}/{name}"] = Answer(body=body)
    if pods:
        api.answers["/api/v1/namespaces/lake/pods"] = Answer(body={"items": list(pods)})
    return Workload(Kind(group, kind), "lake", name)


def _crashing(restarts: int) -> dict[str, object]:
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off"}
    state = {"waiting": waiting}
    last = {"terminated": {"exitCode": 3, "reason": "Error"}}
    made = "2026-01-02T00:00:00Z"
    status = {"name": "app", "state": state, "lastState": last, "restartCount": restarts}
    pod = _pod("crashing", made, containerStatuses=[status])
    pod["metadata"] = {"name": "crashing", "namespace": "lake", "creationTimestamp": made}
    return pod


def test_a_job_that_has_failed_is_told_at_once(api: FakeApi, cluster: Cluster) -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "limit reached"}
    job = _workload(api, "Job", "once", _crashing(0), conditions=[failed])
    api.answers["/api/v1/namespaces/lake/pods/crashing/log"] = Answer(body="no such table\n")
    api.answers["/api/v1/namespaces/lake/events"] = Answer(body={"items": []})
    with pytest.raises(RolloutFailed, match="Job once has failed: limit reached") as caught:
        follow(cluster, [job], Deadline(10), silent)
    assert caught.value.details == ("log: no such table",)


def test_a_job_may_try_as_often_as_it_likes(
    api: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ducklake_registry.cluster.rollout.PATIENCE", 0.0)
    job = _workload(api, "Job", "once", _crashing(5))
    api.answers["/api/v1/namespaces/lake/events"] = Answer(body={"items": []})
    with pytest.raises(TimeoutExpired, match=r"the rollout of once did not come .* last seen: 0 of 1 ready$"):
        follow(cluster, [job], Deadline(0.6), silent)


@pytest.mark.parametrize(
    "status", [{"phase": "Succeeded"}, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}]
)
def test_a_pod_that_stands_alone_is_there_when_it_is_ready_or_has_ended_well(
    api: FakeApi, cluster: Cluster, status: dict[str, object]
) -> None:
    alone, path = Workload(POD, "lake", "alone"), "/api/v1/namespaces/lake/pods/alone"
    body = _pod("alone", "2026-01-01T00:00:00Z") | {"kind": "Pod", "status": {"phase": "Pending"}}
    api.answers["/api/v1/namespaces/lake/events"] = Answer(body={"items": []})
    api.answers[path] = Answer(body=body)
    with pytest.raises(TimeoutExpired, match="0 of 1 ready"):
        follow(cluster, [alone], Deadline(0.3), silent)
    api.answers[path] = Answer(body=body | {"status": status})
    follow(cluster, [alone], Deadline(5), silent)


def test_what_crashes_while_another_still_starts_is_given_time(
    api: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may need the database beside it."""
    monkeypatch.setattr("ducklake_registry.cluster.rollout.PATIENCE", 0.1)
    api.answers["/api/v1/namespaces/lake/events"] = Answer(body={"items": []})
    catalog = _workload(api, "StatefulSet", "catalog", _pod("starting", "2026-01-01T00:00:00Z"))
    backend = _workload(api, "StatefulSet", "backend")
    looked: list[str] = []

    def pods_of(labels: str) -> Answer:
        looked.append(labels)
        return Answer(body={"items": [_crashing(3)] if labels == "app=backend" else []})

    monkeypatch.setattr(api, "answer", _by_labels(api, pods_of))
    with pytest.raises(TimeoutExpired) as caught:
        follow(cluster, [catalog, backend], Deadline(1.5), silent)
    assert "catalog 0 of 1 ready, backend 0 of 1 ready; CrashLoopBackOff (exited with 3" in caught.value.message
    assert caught.value.hint == "the log tells why: kubectl --context fake logs -n lake statefulset/backend -c app"

    _workload(api, "StatefulSet", "catalog", updatedReplicas=1, readyReplicas=1)
    with pytest.raises(RolloutFailed, match="backend does not start: CrashLoopBackOff"):
        follow(cluster, [catalog, backend], Deadline(10), silent)
    assert {"app=catalog", "app=backend"} <= set(looked)


def test_a_pod_that_a_stateful_set_waits_for_in_vain(
    api: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ducklake_registry.cluster.rollout.PATIENCE", 0.1)
    api.answers["/api/v1/namespaces/lake/events"] = Answer(body={"items": []})
    old = _crashing(3)
    old["metadata"] = {
        "name": "catalog-0",
        "namespace": "lake",
        "creationTimestamp": "2026-01-02T00:00:00Z",
        "labels": {"controller-revision-hash": "catalog-1"},
    }
    catalog = _workload(api, "StatefulSet", "catalog", old, updateRevision="catalog-2")
    with pytest.raises(RolloutFailed, match="the pod catalog-0 of the version before is stuck: Crash") as caught:
        follow(cluster, [catalog], Deadline(10), silent)
    assert caught.value.hint
    assert caught.value.hint.endswith("kubectl --context fake delete pod -n lake catalog-0")


def test_the_log_is_that_of_the_container_and_the_run_that_failed(
    api: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ducklake_registry.cluster.rollout.PATIENCE", 0.1)
    api.answers["/api/v1/namespaces/lake/events"] = Answer(body={"items": []})
    api.answers["/api/v1/namespaces/lake/pods/sick/log"] = Answer(body="no such table\n")
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    waiting = {"waiting": {"reason": "PodInitializing"}}
    statuses = {
        "initContainerStatuses": [{"name": "migrate", "restartCount": 2, "state": ended}],
        "containerStatuses": [{"name": "app", "restartCount": 0, "state": waiting}],
    }
    healthy, sick = (_pod(name, f"2026-01-0{day}T00:00:00Z") for name, day in (("healthy", 2), ("sick", 1)))
    for each in (healthy, sick):
        each["metadata"] |= {"namespace": "lake"}  # type: ignore[operator]
    sick["status"] = statuses
    catalog = _workload(api, "StatefulSet", "catalog", healthy, sick)
    body = api.answers["/apis/apps/v1/namespaces/lake/statefulsets/catalog"].body
    body["spec"]["replicas"] = 2
    with pytest.raises(RolloutFailed) as caught:
        follow(cluster, [catalog], Deadline(10), silent)
    assert caught.value.details == ("log: no such table",)
    asked = next(each for each in api.requests if each.path.endswith("/log"))
    assert asked.query == {"tailLines": "5", "container": "migrate"}
    assert caught.value.hint
    assert caught.value.hint.endswith("logs -n lake statefulset/catalog -c migrate")


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("ErrImagePull", "list it under [[environment.build]]"),
        ("RunContainerError (exited with 128, StartError)", "correct its command"),
        ("CreateContainerError", None),
    ],
)
def test_what_to_do_about_a_projects_own_workload(
    reason: str, hint: str | None, api: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ducklake_registry.cluster.rollout.PATIENCE", 0.1)
    api.answers["/api/v1/namespaces/lake/events"] = Answer(body={"items": []})
    state = {"waiting": {"reason": reason, "message": "so it is"}}
    pod = _pod("p", "2026-01-01T00:00:00Z", containerStatuses=[{"state": state}])
    pod["metadata"] = {"name": "p", "namespace": "lake", "creationTimestamp": "2026-01-01T00:00:00Z"}
    daemon = _workload(api, "DaemonSet", "agent", pod, desiredNumberScheduled=1)
    with pytest.raises(RolloutFailed, match=re.escape(f"agent does not start: {reason}: so it is")) as caught:
        follow(cluster, [daemon], Deadline(10), silent)
    assert caught.value.hint == hint if hint is None else hint in (caught.value.hint or "")


def _by_labels(api: FakeApi, pods: Callable[[str], Answer]) -> Callable[[Request], Answer]:
    plain = api.answer

    def answer(request: Request) -> Answer:
        found = plain(request)
        return pods(request.query.get("labelSelector", "")) if request.path.endswith("/lake/pods") else found

    return answer
