"""`dlr doctor` and the registry's volume: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import copy
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.manifests import find, registry_objects
from tests.e2e.conftest import run
from tests.e2e.examining import IN_STORAGE, healthy, looked, push_of_random_bytes, typed, until
from tests.e2e.faults import restart

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.manifests import Object
    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]


def test_a_claim_of_a_class_that_there_is_not(environment: Environment) -> None:
    typed(environment, f"dlr clean-registry --delete-data --yes --context {environment.context}")
    manifests = copy.deepcopy(registry_objects())
    find(manifests, "PersistentVolumeClaim", "registry-storage")["spec"]["storageClassName"] = "slow"
    typed(
        environment,
        f"kubectl --context {environment.context} apply -f - <<'EOF'\n{json.dumps(listed(manifests))}\nEOF",
    )
    found = until(environment, "claim", "there is no storage class slow")
    assert found.content["broken_at"] == "claim"
    assert found.of("pod")["follows_from"] == "claim"
    repair = found.of("claim")["repair"]
    assert repair.endswith("--storage-class standard") or "--storage-class standard " in repair
    typed(environment, repair.replace("--delete-data", "--delete-data --yes"))
    assert environment.run_dlr("deploy-kind").returncode == 0
    healthy(environment)


def listed(objects: list[Object]) -> Object:
    """Return objects as one that kubectl takes."""
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def test_a_volume_that_is_full(environment: Environment, tmp_path: Path) -> None:
    """A small filesystem is put over the volume: kind's own has the machine's disk."""
    claim = ("get", "pvc", "registry-storage", "-o", "jsonpath={.spec.volumeName}")
    volume = environment.kubectl(*IN_STORAGE, *claim)
    path = environment.kubectl("get", "pv", volume, "-o", "jsonpath={.spec.hostPath.path}{.spec.local.path}")
    node = environment.nodes()[-1]
    run("docker", "exec", node, "mount", "-t", "tmpfs", "-o", "size=300m,mode=0777", "tmpfs", path)
    large = f"{environment.registry}/doctor/large:v1"
    try:
        restart(environment)
        healthy(environment)
        push_of_random_bytes(large, 100, tmp_path)
        found = looked(environment)
        assert found.content["broken_at"] == "claim"
        assert "of 300 MiB free" in found.of("claim")["seen"]
        typed(environment, found.of("claim")["repair"].replace("/IMAGE ", "/doctor/large:v1 --yes "))
        healthy(environment)
        used = run("docker", "exec", node, "du", "--summarize", "--block-size=1M", path).split()[0]
        assert int(used) < 10, "the image's bytes are gone"
        run("docker", "push", large)
    finally:
        subprocess.run(["docker", "rmi", large], capture_output=True, check=False)
        run("docker", "exec", node, "umount", "--lazy", path)
        restart(environment)
