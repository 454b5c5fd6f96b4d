"""`dlr doctor` and the registry's volume: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import copy
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.manifests import find, registry_objects
from tests.e2e.conftest import eventually, run
from tests.e2e.examining import (
    IN_STORAGE,
    healthy,
    looked,
    named_and_repaired,
    push_of_random_bytes,
    typed,
    until,
)
from tests.e2e.faults import restart

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]


def test_a_claim_of_a_class_that_there_is_not(environment: Environment) -> None:
    with_another_claim(environment, storageClassName="slow")
    found = until(environment, "claim", "there is no storage class slow")
    assert found.content["broken_at"] == "claim"
    assert found.of("pod")["follows_from"] == "claim"
    repair = found.of("claim")["repair"]
    assert repair.endswith("--storage-class standard") or "--storage-class standard " in repair
    typed(environment, repair.replace("--delete-data", "--delete-data --yes"))
    assert environment.run_dlr("deploy-kind").returncode == 0
    healthy(environment)


def with_another_claim(environment: Environment, **spec: str) -> None:
    """Apply the manifests anew, as somebody with kubectl does, with something else in the claim."""
    typed(environment, f"dlr clean-registry --delete-data --yes --context {environment.context}")
    manifests = copy.deepcopy(registry_objects())
    find(manifests, "PersistentVolumeClaim", "registry-storage")["spec"] |= spec
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    typed(environment, f"kubectl --context {environment.context} apply -f - <<'EOF'\n{listed}\nEOF")


def test_a_cluster_whose_storage_class_is_gone(environment: Environment) -> None:
    environment.kubectl("delete", "storageclass", "standard")
    with_another_claim(environment)
    named_and_repaired(environment, "claim", "is pending", "no storage class")


def test_a_pod_that_was_refused_before_there_was_a_class(environment: Environment) -> None:
    """The scheduler tries it again only minutes later, or at once if the claim has its class just in time."""
    described = environment.kubectl("get", "storageclass", "standard", "--output", "json")
    environment.kubectl("delete", "storageclass", "standard")
    with_another_claim(environment)
    until(environment, "claim", "is pending", broken_at="claim")
    typed(environment, f"kubectl --context {environment.context} create -f - <<'EOF'\n{described}\nEOF")
    eventually(lambda: looked(environment).content["broken_at"] != "claim")
    found = looked(environment)
    if found.content["broken_at"] == "pod" and "unbound immediate" in found.of("pod")["seen"]:
        typed(environment, found.of("pod")["repair"])
    healthy(environment)


def test_a_provisioner_that_is_away(environment: Environment) -> None:
    away = ("--namespace", "local-path-storage", "scale", "deployment/local-path-provisioner", "--replicas=0")
    environment.kubectl(*away)
    with_another_claim(environment)
    named_and_repaired(
        environment, "claim", "is pending", "who provides the class standard has not made its volume"
    )


def test_a_claim_whose_volume_was_deleted(environment: Environment) -> None:
    volume, path = volume_of(environment)
    environment.kubectl("delete", "pv", volume, "--wait=false")
    environment.kubectl("patch", "pv", volume, "--patch", json.dumps({"metadata": {"finalizers": None}}))
    found = until(environment, "claim", "is lost", broken_at="claim")
    assert "the images are lost" in found.of("claim")["means"]
    typed(environment, found.of("claim")["repair"].replace("--delete-data", "--delete-data --yes"))
    healthy(environment)
    for node in environment.nodes():
        run("docker", "exec", node, "rm", "-rf", path)


def volume_of(environment: Environment) -> tuple[str, str]:
    """Return the registry's volume, and the folder of a node that it is."""
    volume = environment.kubectl(
        *IN_STORAGE, "get", "pvc", "registry-storage", "-o", "jsonpath={.spec.volumeName}"
    )
    folder = "jsonpath={.spec.hostPath.path}{.spec.local.path}"
    return volume, environment.kubectl("get", "pv", volume, "-o", folder)


def test_a_volume_that_is_full(environment: Environment, tmp_path: Path) -> None:
    """A small filesystem is put over the volume: kind's own has the machine's disk."""
    _, path = volume_of(environment)
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
