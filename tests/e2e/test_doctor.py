"""`dlr doctor` on a real cluster: what it shows, whom it blames, and when it repairs."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.e2e.conftest import run
from tests.e2e.examining import IN_STORAGE, fixed, healthy, looked, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]


def test_a_sound_environment(environment: Environment) -> None:
    found = looked(environment, "--thorough")
    assert found.status == 0, found.content
    assert (found.content["verdict"], found.content["findings"]) == ("healthy", [])
    assert found.in_state("not applicable") == ["tls"]
    assert len(found.in_state("sound")) == len(found.states) - 1
    said = {each["link"]: each["said"] for each in found.content["links"]}
    assert "runs release 3.1.2" in said["pod"]
    assert "ran on 2 of 2 nodes" in said["pull"]


def test_the_picture_fits_80_columns_and_says_in_words_what_its_colours_say(environment: Environment) -> None:
    environment.kubectl(*IN_STORAGE, "delete", "service", "docker-registry")
    done = environment.run_dlr("doctor", COLUMNS="80")
    assert done.returncode == 1
    assert max(len(line.rstrip()) for line in done.stdout.splitlines()) <= 80
    assert "✗ service  the first broken link" in done.stdout
    assert "the service docker-registry is gone" in done.stdout
    assert "dlr doctor --fix does that" in done.stdout
    assert "broken at service" in done.stdout.splitlines()[-1]
    fixed(environment)


def test_what_is_broken_first_is_blamed_and_the_rest_follows(environment: Environment) -> None:
    """Nothing answers because no pod is wanted: that is what to look at."""
    environment.kubectl(*IN_STORAGE, "scale", "deployment/docker-registry", "--replicas=0")
    found = until(environment, "http", "localhost")
    assert found.content["broken_at"] == "pod"
    assert "scaled to 0" in found.of("pod")["seen"]
    assert found.states["claim"] == "sound"
    assert {found.of(link)["follows_from"] for link in ("service", "node port", "http")} == {"pod"}
    fixed(environment)
    assert healthy(environment).content["verdict"].startswith("healthy")


def test_a_repair_is_made_only_with_a_yes(environment: Environment) -> None:
    worker = environment.nodes()[-1]
    run("docker", "exec", worker, "rm", "-rf", f"/etc/containerd/certs.d/{environment.registry}")
    nobody_there = environment.run_dlr("doctor", "--fix")
    assert nobody_there.returncode == 2
    assert f"Wire the nodes? (node {worker} is not wired" in nobody_there.stderr
    assert "--yes" in nobody_there.stderr

    declined = answered(environment, "n", "doctor", "--fix")
    assert declined.returncode == 1
    assert looked(environment).in_state("broken") == ["wiring"]
    agreed = answered(environment, "y", "doctor", "--fix")
    assert agreed.returncode == 0, agreed.stderr
    assert "1 of 2 nodes wired" in agreed.stderr
    assert agreed.stdout.rstrip().endswith("healthy")


def answered(environment: Environment, answer: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `dlr` with somebody at the keyboard."""
    keyboard, end = pty.openpty()
    try:
        os.write(keyboard, f"{answer}\n".encode())
        argv = [sys.executable, "-m", "ducklake_registry", *words]
        return subprocess.run(
            argv, env=environment.variables, stdin=end, capture_output=True, text=True, timeout=200, check=False
        )
    finally:
        os.close(keyboard)
        os.close(end)


def test_a_kubeconfig_that_does_not_know_the_cluster(environment: Environment, tmp_path: Path) -> None:
    content = yaml.safe_load(environment.kubeconfig.read_text())
    for each in content["clusters"]:
        each["cluster"] = {"server": "https://127.0.0.1:1"}
    (stale := tmp_path / "stale").write_text(yaml.safe_dump(content))
    for path in (stale, tmp_path / "missing"):
        found = looked(environment, KUBECONFIG=str(path))
        assert found.content["broken_at"] == "kubernetes"
        assert "does not know the cluster" in found.of("kubernetes")["means"]
        assert found.states["namespace"] == "follows"
        assert fixed(environment, KUBECONFIG=str(path)).states["pod"] == "sound"


def test_what_was_never_there(environment: Environment) -> None:
    found = looked(environment, "--namespace", "nowhere")
    assert found.content["broken_at"] == "namespace"
    assert found.of("namespace")["repair"].endswith("--namespace nowhere")
    found = looked(environment, DLR_CONTEXT="kind-never-made")
    assert found.content["broken_at"] == "kind"
    assert "dlr deploy-kind --name never-made" in found.of("kind")["repair"]
    without_engine = looked(environment, DOCKER_HOST="unix:///nowhere")
    assert (without_engine.status, without_engine.states["engine"]) == (0, "warning")


def test_a_cluster_that_is_no_kind_cluster(environment: Environment, tmp_path: Path) -> None:
    """The same cluster under a name that says nothing of kind: engine, kind and wiring are no matter then."""
    content = yaml.safe_load(environment.kubeconfig.read_text())
    (context,) = (each for each in content["contexts"] if each["name"] == environment.context)
    context["name"] = "production"
    (kubeconfig := tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    found = looked(environment, KUBECONFIG=str(kubeconfig), DLR_CONTEXT="production")
    assert found.status == 0, found.content
    assert found.in_state("not applicable") == ["engine", "kind", "tls", "wiring"]


def test_what_we_may_not_see_is_not_broken(environment: Environment, tmp_path: Path) -> None:
    environment.kubectl("create", "serviceaccount", "stranger")
    try:
        token = environment.kubectl("create", "token", "stranger").strip()
        content = yaml.safe_load(environment.kubeconfig.read_text())
        content["users"] = [{"name": each["name"], "user": {"token": token}} for each in content["users"]]
        (kubeconfig := tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
        found = looked(environment, KUBECONFIG=str(kubeconfig))
    finally:
        environment.kubectl("delete", "serviceaccount", "stranger")
    assert found.status == 0, found.content
    assert "as far as it can be seen without" in found.content["verdict"]
    assert {"claim", "pod", "service", "pull"} <= set(found.in_state("unknown"))
    assert found.states["wiring"] == found.states["http"] == "sound"
