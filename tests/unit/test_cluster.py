"""The cluster's client against an API server with faults."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.cluster.client import Cluster, NotServed
from ducklake_registry.cluster.contents import foreign_objects
from ducklake_registry.cluster.kinds import CLAIM, CONFIG_MAP, DEPLOYMENT, NAMESPACE, POD, POD_METRICS, Kind
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.cluster.rollout import Workload, follow
from ducklake_registry.errors import (
    AccessDenied,
    ClusterError,
    ClusterUnreachable,
    RolloutFailed,
    TimeoutExpired,
    UsageError,
)
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.unit.fake_api import Answer, FakeApi, Request, cluster_at, fake_api, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "storage"}, "data": {}}
PATH = "/api/v1/namespaces/storage/configmaps/a"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as api:
        api.serve("v1", "ConfigMap", "Pod", "Namespace", "Event")
        api.serve("apps/v1", "Deployment")
        yield api


@pytest.fixture
def cluster(api: FakeApi, tmp_path: Path) -> Cluster:
    return cluster_at(api.address, tmp_path)


# --- when all is well


def test_the_version(api: FakeApi, cluster: Cluster) -> None:
    api.answers["/version"] = Answer(body={"gitVersion": "v1.34.4"})
    assert cluster.version() == "v1.34.4"


def test_the_users_token_is_sent(api: FakeApi, cluster: Cluster) -> None:
    api.answers["/version"] = Answer(body={"gitVersion": "v1"})
    cluster.version()
    headers = {name.lower(): value for name, value in api.requests[-1].headers.items()}
    assert headers["authorization"] == "Bearer secret-token"


def test_objects_come_as_they_are(api: FakeApi, cluster: Cluster) -> None:
    api.answers[PATH] = Answer(body=CONFIG)
    assert cluster.get(CONFIG_MAP, "a", "storage") == CONFIG


def test_an_object_that_is_not_there(cluster: Cluster) -> None:
    assert cluster.get(CONFIG_MAP, "a", "storage") is None
    assert cluster.delete(CONFIG_MAP, "a", "storage") is False


def test_lists(api: FakeApi, cluster: Cluster) -> None:
    api.answers["/api/v1/configmaps"] = Answer(body={"items": [CONFIG]})
    api.answers["/api/v1/pods"] = Answer(body={"items": None})
    assert cluster.objects(CONFIG_MAP, labels="app=x") == [CONFIG]
    assert api.requests[-1].query["labelSelector"] == "app=x"
    assert cluster.objects(POD) == []


def test_applying_is_server_side_and_says_who_does_it(api: FakeApi, cluster: Cluster) -> None:
    api.answers[f"PATCH {PATH}"] = Answer(body=CONFIG)
    assert cluster.apply(CONFIG, dry_run=True) == CONFIG
    request = api.requests[-1]
    assert request.query == {"fieldManager": "dlr", "force": "true", "dryRun": "All"}
    assert request.headers["Content-Type"].startswith("application/apply-patch")
    assert yaml.safe_load(request.body) == CONFIG
    cluster.apply(CONFIG)
    assert "dryRun" not in api.requests[-1].query


def test_deleting_takes_dependents_first(api: FakeApi, cluster: Cluster) -> None:
    api.answers[f"DELETE {PATH}"] = Answer(body={"kind": "Status", "status": "Success"})
    assert cluster.delete(CONFIG_MAP, "a", "storage") is True
    asked = api.requests[-1]
    body = json.loads(asked.body or b"{}")
    assert "Foreground" in {asked.query.get("propagationPolicy"), body.get("propagationPolicy")}


def test_discovery_is_asked_once_per_group(api: FakeApi, cluster: Cluster) -> None:
    for _ in range(3):
        cluster.get(CONFIG_MAP, "a", "storage")
    assert [each.path for each in api.requests].count("/api/v1") == 1


def test_nothing_is_asked_before_it_is_needed(api: FakeApi, cluster: Cluster) -> None:
    assert cluster.context == "fake"
    assert api.requests == []


# --- refusals


@pytest.mark.parametrize("path", ["/api/v1", PATH])
def test_unknown_credentials(path: str, api: FakeApi, cluster: Cluster) -> None:
    api.answers[path] = refusal(401, "Unauthorized")
    with pytest.raises(AccessDenied, match="context fake does not accept these credentials") as caught:
        cluster.get(CONFIG_MAP, "a", "storage")
    assert caught.value.exit_code == 3
    assert caught.value.hint
    assert "secret-token" not in str(caught.value)


def test_a_missing_right(api: FakeApi, cluster: Cluster) -> None:
    said = 'configmaps "a" is forbidden: User "dev" cannot get resource "configmaps" in the namespace "storage"'
    api.answers[PATH] = refusal(403, said, "Forbidden")
    with pytest.raises(AccessDenied) as caught:
        cluster.get(CONFIG_MAP, "a", "storage")
    assert caught.value.message == f"not allowed: {said}"
    assert caught.value.hint
    assert "RBAC" in caught.value.hint


@pytest.mark.parametrize("status", [400, 409, 422, 429, 500, 503, 504])
def test_the_servers_own_words(status: int, api: FakeApi, cluster: Cluster) -> None:
    api.answers[f"PATCH {PATH}"] = refusal(status, "etcdserver: request timed out")
    with pytest.raises(ClusterError) as caught:
        cluster.apply(CONFIG)
    assert caught.value.message == "the cluster refused: etcdserver: request timed out"


@pytest.mark.parametrize("body", ["", "<html>Bad gateway</html>", "[]", "null", '{"code": 1}', b"\xff\xfe"])
def test_a_refusal_in_other_words(body: str | bytes, api: FakeApi, cluster: Cluster) -> None:
    api.answers[PATH] = Answer(502, body)
    with pytest.raises(ClusterError, match="the cluster refused: 502 Bad Gateway"):
        cluster.get(CONFIG_MAP, "a", "storage")


def test_a_kind_that_the_cluster_does_not_have(cluster: Cluster) -> None:
    with pytest.raises(NotServed, match=r"does not serve metrics\.k8s\.io/v1beta1"):
        cluster.objects(POD_METRICS)
    with pytest.raises(NotServed, match="does not serve PersistentVolumeClaim of v1"):
        cluster.objects(CLAIM)


def test_an_aggregated_api_whose_server_is_away(api: FakeApi, cluster: Cluster) -> None:
    api.answers["/apis/metrics.k8s.io/v1beta1"] = refusal(503, "service unavailable")
    with pytest.raises(NotServed):
        cluster.objects(POD_METRICS)


# --- no answer, or none that can be read


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(ClusterUnreachable) as caught:
        cluster_at(address, tmp_path).version()
    assert caught.value.message == "the cluster of context fake does not answer: Connection refused"
    assert caught.value.hint


def test_the_name_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnreachable, match="context fake does not answer"):
        cluster_at("http://no-such-host.invalid:6443", tmp_path).version()


def test_an_answer_that_does_not_come(api: FakeApi, tmp_path: Path) -> None:
    api.answers["/version"] = Answer(body={"gitVersion": "v1"}, delay=1)
    with pytest.raises(ClusterUnreachable, match="timed out"):
        cluster_at(api.address, tmp_path, timeout=0.2).version()


def test_an_answer_that_is_cut(api: FakeApi, cluster: Cluster) -> None:
    api.answers[PATH] = Answer(body=CONFIG, cut=True)
    with pytest.raises(ClusterUnreachable, match="does not answer") as caught:
        cluster.get(CONFIG_MAP, "a", "storage")
    assert "\n" not in caught.value.message


def test_something_else_than_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        cluster = cluster_at(f"https://127.0.0.1:{server.getsockname()[1]}", tmp_path, timeout=0.3)
        with pytest.raises(ClusterUnreachable, match="context fake"):
            cluster.version()


@pytest.mark.parametrize("body", ["<html>log in</html>", "", "[]", "3", "{}", b"\xff"])
def test_an_answer_that_is_not_the_apis(body: str | bytes, api: FakeApi, tmp_path: Path) -> None:
    """As of a proxy's login page, which comes with status 200."""
    api.answers |= {"/version": Answer(body=body), "/api/v1": Answer(body=body), "/apis": Answer(body=body)}
    with pytest.raises(ClusterError, match="is not what the Kubernetes API answers"):
        cluster_at(api.address, tmp_path).version()
    with pytest.raises(ClusterError, match="is not what the Kubernetes API answers"):
        cluster_at(api.address, tmp_path).get(CONFIG_MAP, "a", "storage")
    with pytest.raises(ClusterError, match="is not what the Kubernetes API answers"):
        foreign_objects(cluster_at(api.address, tmp_path), "storage")


@pytest.mark.parametrize("body", ["<html>log in</html>", "", "[]", "3"])
def test_an_object_that_is_none(body: str, api: FakeApi, cluster: Cluster) -> None:
    api.answers[PATH] = Answer(body=body)
    with pytest.raises(ClusterError, match="is not what the Kubernetes API answers"):
        cluster.get(CONFIG_MAP, "a", "storage")


# --- contexts that cannot be used


def test_an_unknown_context(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no context 'other'"):
        cluster_at("http://127.0.0.1:1", tmp_path, context="other").version()


@pytest.mark.parametrize(
    "content",
    [
        {"contexts": [{"name": "fake"}]},
        {"contexts": [{"name": "fake", "context": {"cluster": "gone", "user": "gone"}}]},
        {
            "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": "https://x", "certificate-authority": "/nowhere"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        },
        {
            "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": "https://x", "certificate-authority-data": "abc"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        },
        {
            "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        },
        {
            "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": 5}}],
            "users": [{"name": "u", "user": "me"}],
        },
    ],
    ids=["empty", "cluster gone", "no certificate", "bad base64", "no server", "bad values"],
)
def test_a_context_that_leads_nowhere(content: object, tmp_path: Path) -> None:
    (path := tmp_path / "config").write_text(json.dumps(content))
    with pytest.raises(ClusterUnreachable, match="context fake cannot be used") as caught:
        Cluster("fake", Kubeconfig((path,))).version()
    assert "\n" not in caught.value.message


def test_a_login_program_that_fails(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login", "args": []}}
    content = {
        "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
    }
    (path := tmp_path / "config").write_text(json.dumps(content))
    with pytest.raises(ClusterUnreachable, match="context fake"):
        Cluster("fake", Kubeconfig((path,))).version()


# --- following a rollout

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
    pod = _pod("crashing", made, containerStatuses=[{"state": state, "lastState": last, "restartCount": restarts}])
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
    assert caught.value.hint == "the log tells why: kubectl --context fake logs -n lake statefulset/backend"

    _workload(api, "StatefulSet", "catalog", updatedReplicas=1, readyReplicas=1)
    with pytest.raises(RolloutFailed, match="backend does not start: CrashLoopBackOff"):
        follow(cluster, [catalog, backend], Deadline(10), silent)
    assert {"app=catalog", "app=backend"} <= set(looked)


def _by_labels(api: FakeApi, pods: Callable[[str], Answer]) -> Callable[[Request], Answer]:
    plain = api.answer

    def answer(request: Request) -> Answer:
        found = plain(request)
        return pods(request.query.get("labelSelector", "")) if request.path.endswith("/lake/pods") else found

    return answer


# --- what is in a namespace


def test_foreign_objects(api: FakeApi, cluster: Cluster) -> None:
    api.answers["/apis"] = Answer(body={"groups": [{"preferredVersion": {"groupVersion": "away/v1"}}]})
    api.answers["/apis/away/v1"] = refusal(503, "away")
    api.serve("v1", "ConfigMap", "Pod", "Namespace", "Event", "Secret")
    items = [{"metadata": {"name": "kube-root-ca.crt"}}, {"metadata": {"name": "mine"}}]
    items += [{"metadata": {"name": "going", "deletionTimestamp": "2026-01-01T00:00:00Z"}}]
    api.answers["/api/v1/namespaces/storage/configmaps"] = Answer(body={"items": items})
    api.answers["/api/v1/namespaces/storage/pods"] = Answer(body={"items": []})
    api.answers["/api/v1/namespaces/storage/secrets"] = refusal(
        403, 'secrets is forbidden: User "dev" cannot list resource "secrets"'
    )
    assert foreign_objects(cluster, "storage") == ["ConfigMap mine", "Secret objects that we may not see"]


def test_the_fake_serves_what_it_says(cluster: Cluster) -> None:
    assert cluster.get(NAMESPACE, "storage") is None
    assert cluster.get(DEPLOYMENT, "docker-registry", "storage") is None
