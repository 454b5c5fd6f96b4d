"""Which of the images that manifests name come from the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.cluster.wiring import registry_names
from ducklake_registry.project import read_environment
from ducklake_registry.settings import find_project_file
from ducklake_registry.workflows.deploy_environment import DeployEnvironment
from ducklake_registry.workflows.images_in_nodes import loadable

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """
[environment]
manifests = ["first.yaml", "second.yaml"]

[[environment.build]]
image = "team/mine"
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {0}}}
spec: {{containers: [{{image: "{1}"}}, {{image: "store:1"}}]}}
---
"""


def test_what_is_built_here_is_not_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "dlr.toml").write_text(SETTINGS)
    (tmp_path / "Dockerfile").touch()
    (tmp_path / "first.yaml").write_text(POD.format("a", "localhost:5000/team/mine:v1"))
    (tmp_path / "second.yaml").write_text(POD.format("b", "no name") + POD.format("c", "other/mine:2"))
    environment = read_environment(find_project_file(tmp_path))
    assert environment
    cluster = Cluster("nowhere", Kubeconfig((tmp_path / "kubeconfig",)))
    assert DeployEnvironment(cluster, environment).images_from_elsewhere() == ["store:1", "other/mine:2"]


def test_what_the_registry_here_has_is_pulled_from_it() -> None:
    here = registry_names("storage", 5000)
    mine = ["localhost:5000/a:1", "docker-registry.storage.svc.cluster.local:5000/b", "127.0.0.1:5000/c"]
    others = ["postgres:17", "quay.io/team/d", "localhost:5001/e:1"]
    assert loadable([*mine, *others, f"postgres@sha256:{'0' * 64}"], here) == others
