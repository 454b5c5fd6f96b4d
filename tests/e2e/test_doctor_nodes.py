"""`dlr doctor` and the cluster's nodes: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.e2e.conftest import run
from tests.e2e.examining import fixed, healthy, looked, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]

KUBELET = "/var/lib/kubelet/config.yaml"


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


def test_a_disk_that_is_nearly_full(environment: Environment) -> None:
    """The kubelet is made to think so, with a grace in which it throws nothing out."""
    control_plane, _ = environment.nodes()
    kept = run("docker", "exec", control_plane, "cat", KUBELET)
    soft = {"evictionSoft": {"nodefs.available": "99.9%"}, "evictionSoftGracePeriod": {"nodefs.available": "1h"}}
    with kubelet(control_plane, yaml.safe_dump(yaml.safe_load(kept) | soft), kept):
        found = until(environment, "nodes", "DiskPressure")
    assert found.content["broken_at"] == "nodes"
    assert control_plane in found.of("nodes")["seen"]
    assert "docker system prune" in found.of("nodes")["repair"]
    environment.kubectl("wait", f"node/{control_plane}", "--for=condition=DiskPressure=False", "--timeout=60s")
    # A kubelet that starts under pressure does not take its pods back: others have taken their place.
    for namespace in ("local-path-storage", "kube-system"):
        environment.kubectl("--namespace", namespace, "rollout", "status", "deployment")
        environment.kubectl(
            "--namespace", namespace, "delete", "pods", "--field-selector", "status.phase!=Running"
        )
    healthy(environment)


@contextlib.contextmanager
def kubelet(node: str, configuration: str, kept: str) -> Iterator[None]:
    def configured(text: str) -> None:
        write = ["docker", "exec", "--interactive", node, "tee", KUBELET]
        subprocess.run(write, input=text, capture_output=True, text=True, check=True)
        run("docker", "exec", node, "systemctl", "restart", "kubelet")

    configured(configuration)
    try:
        yield
    finally:
        configured(kept)
