"""The cluster's client against an API server with faults."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.cluster.client import Cluster, NotServed
from ducklake_registry.cluster.kinds import CLAIM, CONFIG_MAP, DEPLOYMENT, NAMESPACE, POD, POD_METRICS
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.errors import (
    AccessDenied,
    ClusterError,
    ClusterUnreachable,
    UsageError,
)
from tests.unit.fake_api import Answer, FakeApi, cluster_at, fake_api, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def test_a_namespace_that_is_on_its_way_out(api: FakeApi, cluster: Cluster) -> None:
    why = "unable to create new content in namespace storage because it is being terminated"
    said = f'configmaps "a" is forbidden: {why}'
    api.answers[f"PATCH {PATH}"] = refusal(403, said, "Forbidden")
    with pytest.raises(ClusterError, match="because it is being terminated") as caught:
        cluster.apply(CONFIG)
    assert "kubectl --context fake wait --for=delete namespace/storage" in str(caught.value.hint)


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


def test_the_fake_serves_what_it_says(cluster: Cluster) -> None:
    assert cluster.get(NAMESPACE, "storage") is None
    assert cluster.get(DEPLOYMENT, "docker-registry", "storage") is None
