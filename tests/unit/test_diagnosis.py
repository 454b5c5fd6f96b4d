"""What pods, Deployments and events say, as Kubernetes writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.diagnosis import event_time, hint_for, no_registry, pod_trouble
from ducklake_registry.cluster.kubeconfig import IN_CLUSTER, LAPTOP_CONTEXT, Kubeconfig
from ducklake_registry.cluster.workload import Progress, progress, selector
from tests.unit.fake_api import cluster_at

if TYPE_CHECKING:
    from pathlib import Path


def pod(*containers: dict[str, Any], phase: str = "Pending", **status: Any) -> dict[str, Any]:
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return {
        "metadata": {"name": "docker-registry-1", "namespace": "storage"},
        "spec": {},
        "status": {"phase": phase, "conditions": [scheduled], "containerStatuses": list(containers)} | status,
    }


def waiting(reason: str, message: str | None = None, **more: Any) -> dict[str, Any]:
    state = {"reason": reason} | ({"message": message} if message else {})
    return {
        "name": "registry",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": state},
        "lastState": {},
    } | more


RUNNING = {
    "name": "registry",
    "ready": True,
    "restartCount": 0,
    "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    "lastState": {},
}
FAILED_ONCE = {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-01T00:00:00Z"}}
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient memory.",
}
EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}


@pytest.mark.parametrize(
    "healthy",
    [
        {"metadata": {}, "spec": {}},
        {"metadata": {}, "spec": {}, "status": {}},
        pod(),
        pod(waiting("ContainerCreating")),
        pod(waiting("PodInitializing")),
        pod(RUNNING, phase="Running"),
        pod(RUNNING | {"ready": False, "started": False}, phase="Running"),
        pod(RUNNING | {"restartCount": 3, "lastState": FAILED_ONCE}, phase="Running"),
        pod({"name": "job", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}, phase="Succeeded"),
        pod({"name": "registry", "state": {}}),
    ],
)
def test_a_normal_start_is_no_trouble(healthy: dict[str, Any]) -> None:
    assert pod_trouble(healthy) is None


@pytest.mark.parametrize(
    ("sick", "trouble"),
    [
        (
            pod(waiting("ImagePullBackOff", 'Back-off pulling image "registry:none"')),
            'ImagePullBackOff: Back-off pulling image "registry:none"',
        ),
        (pod(waiting("ErrImagePull", "not found")), "ErrImagePull: not found"),
        (pod(waiting("CreateContainerConfigError", "no such key")), "CreateContainerConfigError: no such key"),
        (
            pod(waiting("CrashLoopBackOff", "back-off 10s restarting", restartCount=2, lastState=FAILED_ONCE)),
            "CrashLoopBackOff (exited with 1, Error): back-off 10s restarting",
        ),
        (pod(waiting("InvalidImageName")), "InvalidImageName"),
        (
            pod({"name": "registry", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
            "OOMKilled: exited with 137",
        ),
        (pod(conditions=[UNSCHEDULABLE]), "Unschedulable: 0/1 nodes are available: 1 Insufficient memory."),
        (pod(**EVICTED), "Evicted: The node was low on resource: ephemeral-storage."),
        (pod(phase="Failed"), "Failed: the pod has failed"),
        (pod(RUNNING, waiting("ErrImagePull", "denied")), "ErrImagePull: denied"),
        (
            pod(waiting("PodInitializing"), initContainerStatuses=[waiting("ErrImagePull", "denied")]),
            "ErrImagePull: denied",
        ),
    ],
)
def test_trouble_is_told_in_kubernetes_own_words(sick: dict[str, Any], trouble: str) -> None:
    assert pod_trouble(sick) == trouble


def deployment(generation: int = 2, wanted: int | None = 1, **status: Any) -> dict[str, Any]:
    spec = {} if wanted is None else {"replicas": wanted}
    return {"metadata": {"name": "docker-registry", "generation": generation}, "spec": spec, "status": status}


DONE = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (deployment(**DONE), Progress(1, 1, True)),
        (deployment(wanted=None, **DONE), Progress(1, 1, True)),
        (deployment(generation=3, **DONE), Progress(1, 1, False)),
        (deployment(), Progress(0, 1, False)),
        (deployment(**DONE | {"availableReplicas": 0}), Progress(0, 1, False)),
        (deployment(**DONE | {"updatedReplicas": 0}), Progress(0, 1, False)),
        (deployment(**DONE | {"replicas": 2}), Progress(1, 1, False)),
        (deployment(wanted=3, **DONE), Progress(1, 3, False)),
        (deployment(wanted=0, observedGeneration=2), Progress(0, 0, True)),
    ],
    ids=["done", "one by default", "changed since", "not seen", "starting", "old pod", "two pods", "few", "none"],
)
def test_a_rollout_is_counted_as_kubectl_counts_it(found: dict[str, Any], expected: Progress) -> None:
    assert progress(found) == expected


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        ("StatefulSet", {"replicas": 2}, {"updatedReplicas": 2, "readyReplicas": 2}, Progress(2, 2, True)),
        ("StatefulSet", {"replicas": 2}, {"updatedReplicas": 1, "readyReplicas": 2}, Progress(1, 2, False)),
        ("StatefulSet", {"replicas": 2}, {"updatedReplicas": 2, "readyReplicas": 1}, Progress(1, 2, False)),
        ("StatefulSet", {}, {}, Progress(0, 1, False)),
        ("StatefulSet", {"replicas": 0}, {}, Progress(0, 0, True)),
        (
            "StatefulSet",
            {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
            {"updatedReplicas": 1, "readyReplicas": 3},
            Progress(3, 3, True),
        ),
        (
            "StatefulSet",
            {"replicas": 1, "updateStrategy": {"type": "OnDelete"}},
            {"updatedReplicas": 0, "readyReplicas": 1},
            Progress(1, 1, True),
        ),
        (
            "DaemonSet",
            {},
            {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2},
            Progress(2, 2, True),
        ),
        (
            "DaemonSet",
            {},
            {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2},
            Progress(1, 2, False),
        ),
        (
            "DaemonSet",
            {"updateStrategy": {"type": "OnDelete"}},
            {"desiredNumberScheduled": 1, "numberAvailable": 1},
            Progress(1, 1, True),
        ),
        ("Job", {"completions": 2}, {"succeeded": 1}, Progress(1, 2, False)),
        (
            "Job",
            {},
            {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]},
            Progress(1, 1, True),
        ),
        ("Job", {"suspend": True}, {}, Progress(0, 1, True)),
    ],
)
def test_other_kinds_are_counted_too(
    kind: str, spec: dict[str, Any], status: dict[str, Any], expected: Progress
) -> None:
    found = {
        "metadata": {"name": "x", "generation": 2},
        "spec": spec,
        "status": status | {"observedGeneration": 2},
    }
    assert progress(found, kind) == expected
    if kind != "Job":
        stale = found | {"status": status | {"observedGeneration": 1}}
        assert not progress(stale, kind).complete


def test_a_deployment_without_status_has_just_been_made() -> None:
    found = deployment()
    del found["status"]
    assert progress(found) == Progress(0, 1, False)


def test_selectors() -> None:
    assert selector({"app": "docker-registry"}) == "app=docker-registry"
    assert selector({"a": "1", "b": "2"}) == "a=1,b=2"


@pytest.mark.parametrize(
    ("event", "time"),
    [
        ({"lastTimestamp": "2026-01-02T00:00:00Z", "eventTime": None}, "2026-01-02T00:00:00Z"),
        ({"lastTimestamp": None, "eventTime": "2026-01-03T00:00:00.1Z"}, "2026-01-03T00:00:00.1Z"),
        ({"series": {"lastObservedTime": "2026-01-04T00:00:00Z"}, "eventTime": "x"}, "2026-01-04T00:00:00Z"),
        ({"series": None}, "2026-01-01T00:00:00Z"),
    ],
)
def test_when_an_event_was_last_seen(event: dict[str, Any], time: str) -> None:
    assert event_time({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}} | event) == time


def test_what_is_to_be_typed_is_about_the_cluster_that_was_asked(tmp_path: Path) -> None:
    elsewhere = cluster_at("http://127.0.0.1:9", tmp_path)
    assert no_registry(elsewhere, "storage").hint == "`dlr deploy-registry --context fake` deploys one"
    hint = hint_for("CrashLoopBackOff", Commands.of(elsewhere, "images"), elsewhere.context)
    assert hint == "the log tells why: dlr logs --previous --context fake --namespace images"


def test_the_laptops_own_cluster_need_not_be_named(tmp_path: Path) -> None:
    (file := tmp_path / "kubeconfig").write_text(f"contexts: [{{name: {LAPTOP_CONTEXT}}}]\n")
    assert Commands.of(Cluster(None, Kubeconfig((file,))), "storage") == Commands()


def test_a_command_for_the_pods_own_cluster_names_no_context() -> None:
    assert Commands().kubectl(IN_CLUSTER, "get pods") == "kubectl get pods"
    assert Commands().kubectl("my own", "get pods") == "kubectl --context 'my own' get pods"
