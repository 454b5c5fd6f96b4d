"""What kind is asked for. That it does it is for the end-to-end tests."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ducklake_registry.cluster import kind
from ducklake_registry.cluster.kind import KindSpec
from ducklake_registry.errors import ClusterError, UsageError
from ducklake_registry.manifests import data_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OURS = {"containerPort": 30500, "hostPort": 5000, "listenAddress": "127.0.0.1", "protocol": "TCP"}
HEAD = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a kind configuration with the given keys."""

    def write(**keys: Any) -> Path:
        (path := tmp_path / "kind.yaml").write_text(yaml.safe_dump(HEAD | keys))
        return path

    return write


def test_the_projects_own_is_the_file_itself() -> None:
    (file,) = yaml.safe_load_all((data_folder("kind") / "cluster.yaml").read_text())
    assert kind.config(KindSpec()) == file


def test_name_ports_and_workers() -> None:
    wanted = kind.config(KindSpec("other", host_port=5050, node_port=31000, workers=2))
    assert wanted["name"] == "other"
    assert [each["role"] for each in wanted["nodes"]] == ["control-plane", "worker", "worker"]
    (mapping,) = wanted["nodes"][0]["extraPortMappings"]
    assert mapping == OURS | {"containerPort": 31000, "hostPort": 5050}


def test_the_registry_is_for_this_machine_only() -> None:
    (mapping,) = kind.config(KindSpec())["nodes"][0]["extraPortMappings"]
    assert mapping["listenAddress"] == "127.0.0.1"


def test_a_users_file_is_kept_and_completed(config_file: Callable[..., Path]) -> None:
    theirs = {"containerPort": 30080, "hostPort": 8080}
    nodes = [{"role": "worker"}, {"role": "control-plane", "extraPortMappings": [theirs], "labels": {"a": "b"}}]
    path = config_file(nodes=nodes, networking={"podSubnet": "10.1.0.0/16"}, name="theirs")
    wanted = kind.config(KindSpec("mine", workers=1, config=path))
    assert wanted["name"] == "mine"
    assert wanted["networking"] == {"podSubnet": "10.1.0.0/16"}
    assert [each["role"] for each in wanted["nodes"]] == ["worker", "control-plane", "worker"]
    assert wanted["nodes"][1]["extraPortMappings"] == [theirs, OURS]
    assert wanted["nodes"][1]["labels"] == {"a": "b"}


@pytest.mark.parametrize("keys", [{}, {"nodes": None}, {"nodes": []}])
def test_a_file_without_nodes_gets_kinds_own(keys: dict[str, Any], config_file: Callable[..., Path]) -> None:
    wanted = kind.config(KindSpec(config=config_file(**keys)))
    assert wanted["nodes"] == [{"role": "control-plane", "extraPortMappings": [OURS]}]


def test_a_node_without_a_role_is_a_control_plane(config_file: Callable[..., Path]) -> None:
    """As for kind: its field `role` is control-plane by default."""
    wanted = kind.config(KindSpec(config=config_file(nodes=[{"image": "kindest/node:v1"}])))
    assert wanted["nodes"][0]["extraPortMappings"] == [OURS]


def test_only_the_first_control_plane_gets_the_port(config_file: Callable[..., Path]) -> None:
    nodes = [{"role": "control-plane"}, {"role": "control-plane"}]
    first, second = kind.config(KindSpec(config=config_file(nodes=nodes)))["nodes"]
    assert first["extraPortMappings"] == [OURS]
    assert "extraPortMappings" not in second


def test_a_file_that_has_the_mapping_is_left_as_it_is(config_file: Callable[..., Path]) -> None:
    theirs = {"containerPort": 30500, "hostPort": 5000, "listenAddress": "0.0.0.0"}
    path = config_file(nodes=[{"role": "control-plane", "extraPortMappings": [theirs]}])
    assert kind.config(KindSpec(config=path))["nodes"][0]["extraPortMappings"] == [theirs]


@pytest.mark.parametrize(
    "theirs", [{"containerPort": 30500, "hostPort": 5001}, {"containerPort": 30501, "hostPort": 5000}]
)
def test_a_mapping_that_clashes(theirs: dict[str, int], config_file: Callable[..., Path]) -> None:
    path = config_file(nodes=[{"role": "control-plane", "extraPortMappings": [theirs]}])
    with pytest.raises(UsageError, match="needs 5000 to 30500") as caught:
        kind.config(KindSpec(config=path))
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_hint_names_no_option_that_the_command_lacks(config_file: Callable[..., Path]) -> None:
    theirs = {"containerPort": 30500, "hostPort": 5001}
    path = config_file(nodes=[{"role": "control-plane", "extraPortMappings": [theirs]}])
    with pytest.raises(UsageError) as caught:
        kind.config(KindSpec(config=path))
    assert caught.value.hint
    assert "--node-port" not in caught.value.hint


def test_a_file_without_a_control_plane(config_file: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="no node of the role control-plane"):
        kind.config(KindSpec(config=config_file(nodes=[{"role": "worker"}])))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "kind: Pod\napiVersion: v1\n",
        "kind: Cluster\n",
        "kind: Cluster\napiVersion: cluster.x-k8s.io/v1\n",
        f"{yaml.safe_dump(HEAD)}nodes: 3\n",
        f"{yaml.safe_dump(HEAD)}nodes: [worker]\n",
        f"{yaml.safe_dump(HEAD)}nodes: [{{role: control-plane, extraPortMappings: [5000]}}]\n",
        f"{yaml.safe_dump(HEAD)}nodes: [{{role: control-plane, extraPortMappings: [{{hostPort: 80}}]}}]\n",
    ],
)
def test_what_is_no_kind_configuration(content: str, tmp_path: Path) -> None:
    (path := tmp_path / "kind.yaml").write_text(content)
    with pytest.raises(UsageError, match="is no kind configuration"):
        kind.config(KindSpec(config=path))


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        kind.config(KindSpec(config=tmp_path / "absent.yaml"))


def test_the_users_file_is_not_changed(config_file: Callable[..., Path]) -> None:
    path = config_file(nodes=[{"role": "control-plane"}])
    before = path.read_text()
    kind.config(KindSpec(config=path, workers=1))
    assert path.read_text() == before


def test_the_context_is_kinds() -> None:
    assert KindSpec("team").context == "kind-team"


# --- the program


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called kind before all others on the PATH."""
    (path := folder / "kind").write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_default_image_is_in_the_program() -> None:
    if not shutil.which("kind"):
        pytest.skip("kind is not installed")
    found = kind.default_node_image()
    assert found is not None
    assert re.fullmatch(r"kindest/node:v1\.\d+\.\d+@sha256:[0-9a-f]{64}", found)


def test_the_installed_kind_is_new_enough() -> None:
    if not shutil.which("kind"):
        pytest.skip("kind is not installed")
    assert re.match(r"\d+\.\d+", kind.version())


def test_without_the_program_there_is_no_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kind.default_node_image() is None
    with pytest.raises(ClusterError, match="`kind` is not installed") as caught:
        kind.version()
    assert caught.value.hint
    assert "install kind" in caught.value.hint


@pytest.mark.parametrize("content", ["exit 0", "kindest/node:v1.34.0"])
def test_a_program_that_does_not_tell_its_default(
    content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path, monkeypatch, content)
    assert kind.default_node_image() is None


@pytest.mark.parametrize(
    ("said", "version"),
    [("kind version 0.27.0", "0.27.0"), ("kind version 0.32.0-alpha+1a2b", "0.32.0-alpha+1a2b"), ("v1.0", "1.0")],
)
def test_versions(said: str, version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, monkeypatch, f"echo {said}")
    assert kind.version() == version


@pytest.mark.parametrize(
    ("said", "message"), [("kind version 0.26.0", "kind 0.26.0 is too old"), ("hello", "no version")]
)
def test_unfit_versions(said: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, monkeypatch, f"echo {said}")
    with pytest.raises(ClusterError, match=message) as caught:
        kind.version()
    assert caught.value.hint


def test_kinds_own_error_is_the_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(
        tmp_path, monkeypatch, "echo 'Creating' >&2; echo 'ERROR: failed to do it' >&2; echo 'stack' >&2; exit 1"
    )
    with pytest.raises(ClusterError) as caught:
        kind.kubeconfig_of("x")
    assert caught.value.message == "kind get kubeconfig failed: failed to do it"
    assert caught.value.details == ("Creating", "stack")


@pytest.mark.parametrize("script", ["true", "echo '- 1'", "echo 'a: ['"])
def test_a_kubeconfig_that_is_none(script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, monkeypatch, script)
    with pytest.raises(ClusterError, match="kind get kubeconfig"):
        kind.kubeconfig_of("x")
