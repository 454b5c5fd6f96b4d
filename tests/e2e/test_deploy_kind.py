"""The main job: `dlr deploy-kind` gives a registry that the laptop and the pods call by one name."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e.conftest import STRANGER, Environment, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def pushed(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image that nobody has had before, built and pushed with the user's own docker; its path and tag."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "greeting").write_text(f"hello from {environment.name}\n")
    (folder / "Dockerfile").write_text("FROM debian:bookworm-slim\nCOPY greeting /greeting\n")
    path = "team/greeter:v1"
    name = f"{environment.registry}/{path}"
    run("docker", "build", "--tag", name, str(folder))
    run("docker", "push", name)
    yield path
    run("docker", "rmi", name)


def test_a_pushed_image_runs_on_every_node_under_every_name(environment: Environment, pushed: str) -> None:
    cluster_name = "docker-registry.storage.svc.cluster.local:5000"
    pods = {
        f"pull-{number}-{node}": (f"{registry}/{pushed}", node)
        for number, registry in enumerate((environment.registry, cluster_name))
        for node in environment.nodes()
    }
    assert len(pods) == 4
    for pod, (image, node) in pods.items():
        environment.kubectl("apply", "-f", _written(_pod(pod, image, node), environment.kubeconfig.parent / pod))
    for pod in pods:
        environment.kubectl("wait", f"pod/{pod}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        assert environment.kubectl("logs", pod) == f"hello from {environment.name}\n"
        environment.kubectl("delete", "pod", pod, "--now")


def test_the_api_answers_on_the_loopback_interface_only(environment: Environment) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{environment.host_port}/v2/") as answer:
        assert answer.status == 200
    published = run("docker", "port", f"{environment.name}-control-plane", "30500").split()
    assert published == [f"127.0.0.1:{environment.host_port}"]


def test_other_tools_are_told_where_the_registry_is(environment: Environment) -> None:
    found = json.loads(
        environment.kubectl("get", "cm", "local-registry-hosting", "-n", "kube-public", "-o", "json")
    )
    hosting = yaml.safe_load(found["data"]["localRegistryHosting.v1"])
    assert hosting["host"] == environment.registry
    assert hosting["hostFromClusterNetwork"] == "docker-registry.storage.svc.cluster.local:5000"
    assert hosting["help"].startswith("https://")
    node = hosting["hostFromContainerRuntime"]
    answer = run(
        "docker", "exec", environment.nodes()[-1], "curl", "-fsS", "-o", "/dev/null", f"http://{node}/v2/"
    )
    assert answer == ""


def test_the_users_kubeconfig_keeps_what_was_in_it(environment: Environment) -> None:
    content = yaml.safe_load(environment.kubeconfig.read_text())
    assert content["current-context"] == STRANGER["name"]
    assert STRANGER in content["contexts"]
    assert environment.context in [each["name"] for each in content["contexts"]]
    assert environment.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(environment: Environment) -> None:
    first = environment.run_dlr("deploy-kind")  # other tests may have taken fields over, with kubectl
    assert first.returncode == 0, first.stderr
    before = _as_they_are_to_be(environment)
    done = environment.run_dlr("deploy-kind")
    assert done.returncode == 0, done.stderr
    outcomes = dict(re.findall(r"^✓ (.*): (\S.*?) \(", done.stderr, re.MULTILINE))
    changing = {key: value for key, value in outcomes.items() if not key.startswith(("Check", "Roll", "Wait"))}
    assert set(changing.values()) == {"unchanged"}, outcomes
    assert _as_they_are_to_be(environment) == before


def test_what_was_broken_is_repaired(environment: Environment) -> None:
    """Each of these is what a person or another tool may have done to the environment."""
    environment.kubectl("delete", "service", "docker-registry-nodeport", "-n", "storage")
    environment.kubectl("delete", "cm", "local-registry-hosting", "-n", "kube-public")
    worker = environment.nodes()[-1]
    run("docker", "exec", worker, "rm", "-rf", "/etc/containerd/certs.d")
    done = environment.run_dlr("deploy-kind")
    assert done.returncode == 0, done.stderr
    assert "1 of 2 nodes wired" in done.stderr
    assert "1 created" in done.stderr
    assert environment.registry in run("docker", "exec", worker, "ls", "/etc/containerd/certs.d"), (
        "the worker is wired again"
    )


def test_limits_that_somebody_has_chosen_stay(environment: Environment) -> None:
    """`deploy-kind` cannot be told any; the node port is the one that this machine's port leads to."""
    chosen = ("--memory", "256Mi", "--cpu", "50m", "--node-port", "30501")
    in_storage = ("--namespace", "storage", "--output")
    try:
        assert environment.run_dlr("deploy-registry", *chosen).returncode == 0
        done = environment.run_dlr("deploy-kind")
        assert done.returncode == 0, done.stderr
        limits = "jsonpath={.spec.template.spec.containers[0].resources.limits}"
        found = environment.kubectl("get", "deployment/docker-registry", *in_storage, limits)
        assert json.loads(found) == {"memory": "256Mi", "cpu": "50m"}
        port = "jsonpath={.spec.ports[0].nodePort}"
        assert environment.kubectl("get", "service/docker-registry-nodeport", *in_storage, port) == "30500"
    finally:
        assert environment.run_dlr("deploy-registry").returncode == 0


def test_set_context_makes_it_the_current_one(environment: Environment) -> None:
    done = environment.run_dlr("deploy-kind", "--set-context")
    try:
        assert done.returncode == 0, done.stderr
        assert yaml.safe_load(environment.kubeconfig.read_text())["current-context"] == environment.context
    finally:
        environment.kubectl("config", "use-context", str(STRANGER["name"]))


def test_what_kind_cannot_change_is_said(environment: Environment) -> None:
    other_port = environment.run_dlr("deploy-kind", "--host-port", str(environment.host_port + 1))
    assert other_port.returncode == 3
    assert f"--host-port {environment.host_port}" in other_port.stderr
    more_workers = environment.run_dlr("deploy-kind", "--workers", "3")
    assert more_workers.returncode == 3
    assert "has 1 workers" in more_workers.stderr


def test_a_dry_run_lists_the_steps_and_does_nothing(environment: Environment) -> None:
    done = environment.run_dlr("deploy-kind", "--dry-run", "--name", "never-made")
    assert done.returncode == 0, done.stderr
    assert "Make the cluster never-made" in done.stdout
    assert "never-made" not in run("kind", "get", "clusters")


def _as_they_are_to_be(environment: Environment) -> list[dict[str, Any]]:
    """The registry's objects without what the cluster goes on to say about them, when it comes to it."""
    kinds = "deployments,services,configmaps,persistentvolumeclaims,pods"
    found = json.loads(environment.kubectl("get", kinds, "-n", "storage", "-o", "json"))["items"]
    for each in found:
        each.pop("status", None)
        for said in ("resourceVersion", "managedFields"):
            each["metadata"].pop(said, None)
    return sorted(found, key=lambda each: str(each["metadata"]["uid"]))


def _pod(name: str, image: str, node: str) -> dict[str, object]:
    container = {"name": "greeter", "image": image, "command": ["cat", "/greeting"]}
    spec = {"nodeName": node, "restartPolicy": "Never", "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _written(content: dict[str, object], path: Path) -> str:
    path.write_text(yaml.safe_dump(content))
    return str(path)
