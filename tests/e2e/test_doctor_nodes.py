"""`dlr doctor` and the cluster's nodes: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import free_port, run
from tests.e2e.examining import fixed, healthy, looked, typed, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]


def test_a_node_that_was_stopped(environment: Environment) -> None:
    control_plane, _ = environment.nodes()
    run("docker", "pause", control_plane)
    try:
        found = looked(environment)
        assert found.content["broken_at"] == "nodes"
        assert found.of("nodes")["seen"] == f"{control_plane} paused"
        assert found.of("nodes")["repair"] == f"docker unpause {control_plane}"
        assert found.of("kubernetes")["follows_from"] == "nodes"
        fixed(environment)
    finally:
        subprocess.run(["docker", "unpause", control_plane], capture_output=True, check=False)


def test_a_container_that_has_taken_the_port_of_a_node(environment: Environment) -> None:
    """As one that starts with the machine does: the node cannot start before that is gone."""
    control_plane, _ = environment.nodes()
    run("docker", "stop", control_plane)
    try:
        with holding(environment, environment.host_port) as holder:
            found = looked(environment)
            assert found.content["broken_at"] == "nodes"
            assert f"the container {holder} has their port" in found.of("nodes")["means"]
            assert found.of("host port")["seen"].endswith(f"is held by the container {holder}")
            assert found.of("nodes")["repair"].startswith(f"{found.of('host port')['repair']} && ")
            typed(environment, found.of("nodes")["repair"])
            healthy(environment)
    finally:
        subprocess.run(["docker", "start", control_plane], capture_output=True, check=False)


def test_a_container_that_holds_the_port_of_a_cluster_to_be(environment: Environment) -> None:
    port = free_port()
    others = {"DLR_CONTEXT": "kind-never-made", "DLR_REGISTRY": f"localhost:{port}"}
    with holding(environment, port) as holder:
        found = looked(environment, **others).of("host port")
        assert found["seen"] == f"port {port} of this machine is held by the container {holder}"
        assert found["follows_from"] is None
        typed(environment, found["repair"])
        found = looked(environment, **others).of("host port")
        assert found["follows_from"] == "kind", "nobody has the port any more, and what would lead it is not there"


@contextlib.contextmanager
def holding(environment: Environment, port: int) -> Iterator[str]:
    """Have a container that publishes a port."""
    name = f"{environment.name}-holder"
    words = ("--detach", "--name", name, "--publish", f"127.0.0.1:{port}:5000", "registry:3.1.2")
    try:
        run("docker", "run", *words)
        yield name
    finally:
        run("docker", "rm", "--force", name)


def test_a_kubelet_that_is_silent(environment: Environment) -> None:
    worker = environment.nodes()[-1]
    run("docker", "exec", worker, "systemctl", "stop", "kubelet")
    try:
        found = until(environment, "nodes", f"node {worker} is not ready")
        assert found.content["broken_at"] == "nodes"
        typed(environment, found.of("nodes")["repair"])
        healthy(environment)
    finally:
        run("docker", "exec", worker, "systemctl", "start", "kubelet")


def test_an_api_server_that_is_away(environment: Environment) -> None:
    control_plane, _ = environment.nodes()
    run("docker", "exec", control_plane, "sh", "-c", "systemctl stop kubelet && pkill kube-apiserver")
    try:
        found = until(environment, "kubernetes", "does not answer")
        assert found.content["broken_at"] == "kubernetes"
        typed(environment, found.of("kubernetes")["repair"])
        healthy(environment)
    finally:
        run("docker", "exec", control_plane, "systemctl", "start", "kubelet")
