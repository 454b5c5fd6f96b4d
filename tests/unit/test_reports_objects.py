"""Reading the cluster's objects, and what `df` and `du` write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.cluster.logs import Excerpt, Log
from ducklake_registry.display.status import _ready
from ducklake_registry.errors import AccessDenied, ClusterError, ClusterUnreachable, UsageError
from ducklake_registry.reports.asking import asking
from ducklake_registry.reports.objects import Claim, Node, Pod, Service, Warned, Workload, is_system
from ducklake_registry.reports.registry_status import look as look_at_registry
from ducklake_registry.reports.status import look
from ducklake_registry.reports.volume import Disk, parse_df, parse_du
from tests.unit.fake_api import Answer, cluster_at, fake_api, refusal

if TYPE_CHECKING:
    from pathlib import Path

WHEN = "2026-11-23T12:00:00Z"


def meta(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": "storage", "creationTimestamp": WHEN} | more


def node(ready: str, **pressed: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "message": "kubelet stopped posting node status"}]
    conditions += [{"type": name, "status": status} for name, status in pressed.items()]
    labels = {"node-role.kubernetes.io/control-plane": ""}
    return {
        "metadata": meta("n", labels=labels),
        "status": {"conditions": conditions, "nodeInfo": {"kubeletVersion": "v1.34.4"}},
    }


def test_a_node_is_ready_lost_or_pressed() -> None:
    assert Node.of(node("True")).trouble is None
    assert Node.of(node("True")).roles == ("control-plane",)
    assert Node.of(node("Unknown")).trouble == "kubelet stopped posting node status"
    pressed = Node.of(node("True", DiskPressure="True", PIDPressure="False"))
    assert (pressed.ready, pressed.trouble) == (True, "DiskPressure")


def test_a_daemon_set_counts_its_nodes() -> None:
    found = {
        "metadata": meta("proxy"),
        "spec": {"template": {"spec": {"containers": [{"image": "proxy:1"}]}}},
        "status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2},
    }
    read = Workload.of("DaemonSet", found)
    assert (read.ready, read.wanted, read.registry) == (2, 3, False)


def test_a_pod_on_its_way_out_is_not_ready() -> None:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    pod = {"metadata": meta("p"), "spec": {"nodeName": "n"}, "status": status}
    assert Pod.of(pod).ready
    leaving = Pod.of(pod | {"metadata": meta("p", deletionTimestamp=WHEN)})
    assert (leaving.ready, leaving.phase) == (False, "Terminating")


def test_a_service_may_have_no_ports_and_addresses_outside() -> None:
    service = {
        "metadata": meta("s"),
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}},
    }
    read = Service.of(service)
    assert (read.ports, read.external) == ((), ("192.0.2.7",))


def test_a_claim_has_the_size_of_its_volume_else_the_one_asked_for() -> None:
    spec = {"resources": {"requests": {"storage": "10Gi"}}}
    pending = {"metadata": meta("c"), "spec": spec, "status": {"phase": "Pending"}}
    assert Claim.of(pending).size == 10 * 1024**3
    bound = pending | {"status": {"phase": "Bound", "capacity": {"storage": "20Gi"}}}
    assert Claim.of(bound).size == 20 * 1024**3


def test_a_warning_of_the_newer_kind_has_its_count_in_a_series() -> None:
    event = {
        "metadata": meta("e"),
        "involvedObject": {"kind": "Node", "name": "n"},
        "reason": "Full",
        "message": "no\nspace",
        "series": {"count": 4, "lastObservedTime": "2026-11-23T12:30:00.000000Z"},
    }
    read = Warned.of(event)
    assert (read.namespace, read.object, read.message, read.count) == (None, "Node/n", "no space", 4)
    assert read.last_seen.minute == 30


def test_system_namespaces() -> None:
    assert all(map(is_system, ("kube-system", "kube-public", "calico-system", "local-path-storage")))
    assert not any(map(is_system, ("storage", "default", "systems")))


def test_df_and_du() -> None:
    df = (
        "Filesystem     1024-blocks     Used Available Capacity Mounted on\n"
        "/dev/mapper/a-long-name 264212084 37059604  58441660      39% /var/lib/registry\n"
    )
    assert parse_df(df) == Disk(264212084 * 1024, 58441660 * 1024)
    assert parse_du("148000\t/var/lib/registry\n") == 148000 * 1024


def test_a_question_without_an_answer_leaves_its_reason() -> None:
    def forbidden() -> int:
        raise AccessDenied("not allowed")

    with asking() as questions:
        known, unknown = questions.ask("one", lambda: 1), questions.ask("two", forbidden)
        assert (known.known(), unknown.known()) == (1, None)
        assert questions.reasons() == {"two": "not allowed"}


def test_a_mistake_of_ours_is_not_taken_for_an_answer_that_is_missing() -> None:
    with asking() as questions, pytest.raises(ZeroDivisionError):
        questions.ask("one", lambda: 1 // 0).known()


def test_what_the_user_wrote_wrong_is_no_matter_of_a_report(tmp_path: Path) -> None:
    cluster_at("http://127.0.0.1:9", tmp_path)
    cluster = Cluster("nonesuch", Kubeconfig((tmp_path / "kubeconfig",)))
    with pytest.raises(UsageError, match="no context 'nonesuch'"):
        look_at_registry(cluster, Commands(registry="127.0.0.1:9"))


TEMPLATE = {"spec": {"containers": [{"name": "app", "image": "app:v1"}]}}
THEN, LATER = "2026-11-25T03:00:00Z", "2026-11-25T03:00:41Z"


@pytest.mark.parametrize(
    ("suspended", "status", "counts", "said"),
    [
        (False, {}, (0, 0), "scheduled"),
        (False, {"lastScheduleTime": THEN, "active": [{}]}, (0, 0), "scheduled"),
        (False, {"lastScheduleTime": THEN, "lastSuccessfulTime": LATER}, (1, 1), "1/1"),
        (False, {"lastScheduleTime": LATER, "lastSuccessfulTime": THEN}, (0, 1), "0/1"),
        (False, {"lastScheduleTime": THEN}, (0, 1), "0/1"),
        (True, {"lastScheduleTime": THEN}, (0, 1), "suspended"),
    ],
)
def test_a_cron_job_is_its_last_run(
    suspended: bool, status: dict[str, Any], counts: tuple[int, int], said: str
) -> None:
    spec = {"schedule": "0 3 * * *", "suspend": suspended, "jobTemplate": {"spec": {"template": TEMPLATE}}}
    found = Workload.of("CronJob", {"metadata": meta("nightly"), "spec": spec, "status": status})
    assert (found.ready, found.wanted) == counts
    assert (found.image, found.schedule, found.whole) == ("app:v1", "0 3 * * *", said != "0/1")
    assert _ready(found).plain.endswith(f" {said}")


# --- with an API server that is a fake, for what a real one does not do on demand


def test_what_is_forbidden_is_left_out_with_the_reason(tmp_path: Path) -> None:
    with fake_api() as api:
        api.serve("v1", "Node", "Service", "PersistentVolumeClaim", "Event", "Pod")
        api.serve("apps/v1", "Deployment", "StatefulSet", "DaemonSet")
        api.serve("batch/v1", "Job", "CronJob")
        api.answers["/version"] = Answer(body={"gitVersion": "v1.34.4"})
        for plural in ("jobs", "cronjobs"):
            api.answers[f"/apis/batch/v1/{plural}"] = Answer(body={"items": []})
        api.answers["/api/v1/nodes"] = refusal(403, "nodes is forbidden: User cannot list resource", "Forbidden")
        for plural in ("deployments", "statefulsets", "daemonsets"):
            api.answers[f"/apis/apps/v1/{plural}"] = Answer(body={"items": []})
        for plural in ("services", "persistentvolumeclaims", "events", "pods"):
            api.answers[f"/api/v1/{plural}"] = Answer(body={"items": []})
        status = look(cluster_at(api.address, tmp_path))
    assert status.version == "v1.34.4"
    assert status.unavailable == {"nodes": "not allowed: nodes is forbidden: User cannot list resource"}


def test_a_cluster_that_is_away_is_an_error_of_status(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnreachable):
        look(cluster_at("http://127.0.0.1:9", tmp_path))


def test_the_registrys_status_comes_although_nothing_is_there(tmp_path: Path) -> None:
    status = look_at_registry(cluster_at("http://127.0.0.1:9", tmp_path), Commands(registry="127.0.0.1:9"))
    assert not status.healthy
    assert "the cluster cannot be asked" in status.verdict
    assert {"deployment", "pods", "outside", "inside", "stored", "disk", "usage"} <= status.unavailable.keys()


# --- logs

DEPLOYMENT = {
    "metadata": meta("docker-registry", generation=1),
    "spec": {"selector": {"matchLabels": {"app": "docker-registry"}}},
}


def pod_with(container: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": meta("p"), "spec": {}, "status": {"containerStatuses": [container]}}


@pytest.mark.parametrize(
    ("pods", "previous", "message"),
    [
        ([], False, "has no pod"),
        ([pod_with({"state": {"waiting": {"reason": "ErrImagePull"}}})], False, "p has no log yet: ErrImagePull"),
        ([pod_with({"state": {"running": {}}, "containerID": "a", "restartCount": 0})], True, "no previous run"),
    ],
)
def test_why_there_is_no_log(pods: list[Any], previous: bool, message: str, tmp_path: Path) -> None:
    with fake_api() as api:
        api.serve("v1", "Pod")
        api.serve("apps/v1", "Deployment")
        api.answers["/apis/apps/v1/namespaces/storage/deployments/docker-registry"] = Answer(body=DEPLOYMENT)
        api.answers["/api/v1/namespaces/storage/pods"] = Answer(body={"items": pods})
        log = Log(cluster_at(api.address, tmp_path), "storage", "docker-registry")
        with pytest.raises(ClusterError, match=message):
            list(log.read(Excerpt(previous=previous)))


def test_a_lost_connection_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    """The log comes again from the beginning of the second; no line is given twice."""
    first, second = b"2026-11-23T12:00:00.100000000Z one\n", b"2026-11-23T12:00:00.200000000Z two\n"
    path = "/api/v1/namespaces/storage/pods/p/log"
    with fake_api() as api:
        api.serve("v1", "Pod")
        api.serve("apps/v1", "Deployment")
        api.answers["/apis/apps/v1/namespaces/storage/deployments/docker-registry"] = Answer(body=DEPLOYMENT)
        running = pod_with({"state": {"running": {}}, "containerID": "a", "restartCount": 0})
        api.answers["/api/v1/namespaces/storage/pods"] = Answer(body={"items": [running]})
        api.answers[path] = Answer(body=first)
        lines = Log(cluster_at(api.address, tmp_path), "storage", "docker-registry").follow(Excerpt(tail=1), print)
        assert next(lines) == b"one\n"
        api.answers[path] = Answer(body=first + second)
        assert next(lines) == b"two\n"
        asked = [each.query for each in api.requests if each.path == path]
    assert asked[0] == {"tailLines": "1", "follow": "true", "timestamps": "true"}
    assert asked[1]["sinceTime"] == "2026-11-23T12:00:00.100000000Z"
