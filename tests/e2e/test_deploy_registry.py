"""`dlr deploy-registry` and `dlr clean-registry` on a cluster."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ducklake_registry.manifests import data_folder
from tests.e2e.conftest import Environment, run
from tests.e2e.failing import CLUSTER, USAGE, fails
from tests.e2e.faults import in_registry, wait_for_answers
from tests.registry.programs import HTPASSWD, PASSWORD, USER

pytestmark = pytest.mark.cluster


def outcomes(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Return what a dry run says it would do: keep, change, create."""
    return {line.split()[0] for line in done.stdout.splitlines() if line[:1].strip()}


@pytest.mark.usefixtures("registry_afterwards")
def test_kubectl_alone_gives_the_same_registry(environment: Environment) -> None:
    gone = environment.run_dlr("clean-registry", "--yes", "--delete-data")
    assert gone.returncode == 0, gone.stderr
    assert "storage" not in environment.kubectl("get", "namespaces", "-o", "name").replace(
        "local-path-storage", ""
    )
    environment.kubectl("apply", "-f", str(data_folder("manifests")))
    environment.kubectl("rollout", "status", "deployment/docker-registry", "-n", "storage", "--timeout=90s")
    done = environment.run_dlr("deploy-registry", "--dry-run")
    assert outcomes(done) == {"keep"}, done.stdout


def test_the_namespace_passes_pod_security_restricted(environment: Environment) -> None:
    namespace = json.loads(environment.kubectl("get", "namespace", "storage", "-o", "json"))
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    offender = ["run", "offender", "--image=registry:3.1.2", "-n", "storage", "--privileged"]
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        environment.kubectl(*offender)
    process = in_registry(environment, "cat", "/proc/1/status")
    facts = dict(line.split(":\t", 1) for line in process.splitlines() if ":\t" in line)
    assert facts["Uid"].split()[0] == "1000"
    assert int(facts["CapEff"], 16) == 0
    assert facts["NoNewPrivs"] == "1"


@pytest.mark.usefixtures("registry_afterwards")
def test_options_reach_the_cluster(environment: Environment) -> None:
    done = environment.run_dlr("deploy-registry", "--memory", "256Mi", "--cpu", "50m", "--node-port", "30501")
    assert done.returncode == 0, done.stderr
    pod = json.loads(environment.kubectl("get", "deployment", "docker-registry", "-n", "storage", "-o", "json"))
    resources = pod["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"] == {"memory": "256Mi", "cpu": "50m"}
    assert resources["requests"] == {"memory": "128Mi", "cpu": "50m"}
    asking = ("curl", "-fsS", "--retry", "30", "--retry-delay", "1", "--retry-all-errors")  # as the proxies follow
    assert run("docker", "exec", environment.nodes()[0], *asking, "http://localhost:30501/v2/") == "{}"

    words = ("deploy-registry", "--dry-run", "--cpu", "50m")
    forgetful = environment.run_dlr(*words)
    lost = "warning: node port goes from 30501 to 30500, memory goes from 256Mi to 512Mi"
    assert f"{lost}; say --node-port 30501 --memory 256Mi to keep them" in forgetful.stderr
    kept = environment.run_dlr(*words, "--memory", "256Mi", DLR_NODE_PORT="30501")
    assert (outcomes(kept), "warning" in kept.stderr) == ({"keep"}, False)


def test_another_namespace_is_another_registry(environment: Environment) -> None:
    words = ["--namespace", "elsewhere", "--node-port", "30502"]
    done = environment.run_dlr("deploy-registry", *words)
    assert done.returncode == 0, done.stderr
    assert "deployment.apps/docker-registry" in environment.kubectl(
        "get", "deploy", "-n", "elsewhere", "-o", "name"
    )
    gone = environment.run_dlr("clean-registry", "--namespace", "elsewhere", "--yes", "--delete-data")
    assert gone.returncode == 0, gone.stderr
    assert "elsewhere" not in environment.kubectl("get", "namespaces")
    assert environment.kubectl("get", "deployment/docker-registry", "-n", "storage", "-o", "name")


def test_a_dry_run_shows_the_difference_object_by_object(environment: Environment) -> None:
    done = environment.run_dlr("deploy-registry", "--dry-run", "--memory", "1Gi")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "change  Deployment docker-registry" in lines
    assert "keep    ConfigMap registry-config" in lines
    assert any(line.strip().startswith("-") and "512Mi" in line for line in lines)
    assert any(line.strip().startswith("+") and "1Gi" in line for line in lines)
    assert outcomes(environment.run_dlr("deploy-registry", "--dry-run")) == {"keep"}


@pytest.mark.usefixtures("registry_afterwards")
def test_a_changed_configuration_rolls_the_pod(environment: Environment) -> None:
    """What somebody changed by hand is put right, and the pod that ran with it is replaced."""
    config = json.loads(environment.kubectl("get", "cm", "registry-config", "-n", "storage", "-o", "json"))
    changed = config["data"]["config.yml"].replace("level: info", "level: debug")
    patch = json.dumps({"data": {"config.yml": changed}})
    environment.kubectl("patch", "cm", "registry-config", "-n", "storage", "-p", patch)
    done = environment.run_dlr("deploy-registry")
    assert done.returncode == 0, done.stderr
    restored = json.loads(environment.kubectl("get", "cm", "registry-config", "-n", "storage", "-o", "json"))
    assert "level: info" in restored["data"]["config.yml"]


def test_an_enlarged_claim_stays_enlarged(environment: Environment) -> None:
    """The handbook's own `kubectl patch pvc`, on a class that allows it, must not be undone or be an error."""
    klass = '{"allowVolumeExpansion": true}'
    environment.kubectl("patch", "storageclass", "standard", "-p", klass)
    try:
        patch = '{"spec": {"resources": {"requests": {"storage": "20Gi"}}}}'
        # Whether it may grow is decided by what the API server has heard of the class.
        environment.kubectl_in_time("patch", "pvc", "registry-storage", "-n", "storage", "-p", patch)
        done = environment.run_dlr("deploy-registry")
        assert done.returncode == 0, done.stderr
        size = environment.kubectl(
            "get", "pvc", "registry-storage", "-n", "storage", "-o", "jsonpath={.spec.resources.requests.storage}"
        )
        assert size == "20Gi"
        shrunk = environment.run_dlr("deploy-registry", "--storage-size", "5Gi")
        fails(shrunk, CLUSTER, "cannot shrink")
    finally:
        environment.kubectl("patch", "storageclass", "standard", "-p", '{"allowVolumeExpansion": false}')
    fails(environment.run_dlr("deploy-registry", "--storage-size", "30Gi"), CLUSTER, "standard cannot enlarge")


@pytest.mark.usefixtures("registry_afterwards")
def test_images_stay_unless_they_are_to_go(environment: Environment) -> None:
    name = f"{environment.registry}/kept:v1"
    wait_for_answers(environment)
    run("docker", "tag", "debian:bookworm-slim", name)
    run("docker", "push", name)
    run("docker", "rmi", name)
    refused = environment.run_dlr("clean-registry")
    fails(refused, USAGE, "--yes")
    done = environment.run_dlr("clean-registry", "--yes")
    assert done.returncode == 0, done.stderr
    assert "kept: PersistentVolumeClaim registry-storage" in done.stderr
    assert environment.run_dlr("clean-registry", "--yes").returncode == 0, "nothing left to remove is fine"
    environment.run_dlr("deploy-kind")
    run("docker", "pull", name)
    run("docker", "rmi", name)


@pytest.mark.usefixtures("registry_afterwards")
@pytest.mark.parametrize(("answers", "claim_stays"), [("y\nn\n", True), ("y\ny\n", False)])
def test_a_person_is_asked_about_the_images(environment: Environment, answers: str, claim_stays: bool) -> None:
    said = at_a_terminal(environment, "clean-registry", answers=answers)
    assert "Remove the registry" in said
    assert environment.context in said
    assert "Delete its volume with all images too?" in said
    with contextlib.nullcontext() if claim_stays else pytest.raises(AssertionError, match="not found"):
        environment.kubectl("get", "pvc", "registry-storage", "-n", "storage")


@pytest.mark.usefixtures("registry_afterwards")
def test_what_others_put_into_the_namespace_stays(environment: Environment) -> None:
    environment.kubectl("create", "configmap", "ours", "-n", "storage", "--from-literal=a=b")
    done = environment.run_dlr("clean-registry", "--yes", "--delete-data")
    assert done.returncode == 0, done.stderr
    assert "kept: ConfigMap ours" in done.stderr
    assert environment.kubectl("get", "configmap", "ours", "-n", "storage", "-o", "jsonpath={.data.a}") == "b"
    environment.kubectl("delete", "configmap", "ours", "-n", "storage")


def test_a_password_of_ones_own_stays(environment: Environment, tmp_path: Path) -> None:
    """What docs/how-to/production.md tells to apply beside the manifests is not taken away by deploying again."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "production.md").read_text()
    (patch := tmp_path / "password.yaml").write_text(
        page.partition("# registry-password.yaml")[2].partition("```")[0]
    )
    (users := tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    logged_in = json.dumps({"auths": {environment.registry: {"auth": auth}}})
    in_storage = ("--namespace", "storage")
    environment.kubectl(*in_storage, "create", "secret", "generic", "registry-users", f"--from-file={users}")
    environment.kubectl("apply", "--server-side", "--field-manager=team", "-f", str(patch))
    try:
        for _ in range(2):
            environment.kubectl(*in_storage, "rollout", "status", "deployment/docker-registry", "--timeout=60s")
            refused = environment.run_dlr("list-registry-images")
            let_in = environment.run_dlr("list-registry-images", DOCKER_AUTH_CONFIG=logged_in)
            assert (refused.returncode, let_in.returncode) == (4, 0), refused.stderr + let_in.stderr
            assert environment.run_dlr("deploy-registry").returncode == 0
    finally:
        environment.kubectl(*in_storage, "delete", "deployment/docker-registry", "secret/registry-users")
        assert environment.run_dlr("deploy-registry").returncode == 0


def at_a_terminal(environment: Environment, *words: str, answers: str) -> str:
    """Run `dlr` as a person does, typing the answers at its terminal; return what the screen showed."""
    ours, its = pty.openpty()
    argv = [sys.executable, "-m", "ducklake_registry", *words]
    process = subprocess.Popen(argv, env=environment.variables, stdin=its, stdout=its, stderr=its, close_fds=True)
    os.close(its)
    os.write(ours, answers.encode())
    said = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error on Linux
        while chunk := os.read(ours, 4096):
            said += chunk
    os.close(ours)
    assert process.wait(120) == 0, said.decode()
    return said.decode()
