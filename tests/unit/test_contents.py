"""What is in a namespace, by an API server that serves what it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.cluster.contents import foreign_objects, held_objects
from ducklake_registry.errors import ClusterError
from tests.unit.fake_api import Answer, FakeApi, cluster_at, fake_api, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ducklake_registry.cluster.client import Cluster

GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
IN_STORAGE = "/api/v1/namespaces/storage"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as api:
        api.serve("v1", "ConfigMap", "Pod", "Namespace", "Event", "Secret")
        api.answers["/apis"] = Answer(body={"groups": []})
        api.answers[f"{IN_STORAGE}/pods"] = Answer(body={"items": []})
        said = 'secrets is forbidden: User "dev" cannot list resource "secrets"'
        api.answers[f"{IN_STORAGE}/secrets"] = refusal(403, said)
        yield api


@pytest.fixture
def cluster(api: FakeApi, tmp_path: Path) -> Cluster:
    return cluster_at(api.address, tmp_path)


def test_what_somebody_has_put_there(api: FakeApi, cluster: Cluster) -> None:
    api.answers["/apis"] = Answer(body={"groups": [{"preferredVersion": {"groupVersion": "away/v1"}}]})
    api.answers["/apis/away/v1"] = refusal(503, "away")
    items = [{"metadata": {"name": "kube-root-ca.crt"}}, {"metadata": {"name": "mine"}}]
    items += [{"metadata": {"name": "going"} | GOING}]
    api.answers[f"{IN_STORAGE}/configmaps"] = Answer(body={"items": items})
    assert foreign_objects(cluster, "storage") == ["ConfigMap mine", "Secret objects that we may not see"]


@pytest.mark.parametrize("body", ["<html>log in</html>", "", "[]", "3", {"kind": "Status"}])
def test_an_answer_that_is_not_the_apis(body: str | dict[str, str], api: FakeApi, cluster: Cluster) -> None:
    api.answers["/apis"] = Answer(body=body)
    with pytest.raises(ClusterError, match="is not what the Kubernetes API answers"):
        foreign_objects(cluster, "storage")


def test_what_cannot_go(api: FakeApi, cluster: Cluster) -> None:
    """Kubernetes' own finalizers are taken off by Kubernetes, and what is not to be deleted is held by nobody."""
    api.answers["/apis"] = Answer(body={"groups": [{"preferredVersion": {"groupVersion": "example.com/v1"}}]})
    api.serve("example.com/v1", "Widget")
    own = ["kubernetes.io/pvc-protection", "foregroundDeletion", "snapshot.storage.kubernetes.io/source"]
    items = [
        {"metadata": {"name": "free"} | GOING},
        {"metadata": {"name": "kept", "finalizers": ["example.com/hold"]}},
        {"metadata": {"name": "used", "finalizers": own} | GOING},
        {"metadata": {"name": "held", "finalizers": ["kubernetes.io/a", "example.com/hold"]} | GOING},
    ]
    api.answers[f"{IN_STORAGE}/configmaps"] = Answer(body={"items": items})
    widgets = {"items": [{"metadata": {"name": "w", "finalizers": ["mykubernetes.io/x"]} | GOING}]}
    api.answers["/apis/example.com/v1/namespaces/storage/widgets"] = Answer(body=widgets)
    found = [(each.resource, each.finalizers) for each in held_objects(cluster, "storage")]
    assert found == [("configmap/held", ("example.com/hold",)), ("widget.example.com/w", ("mykubernetes.io/x",))]
