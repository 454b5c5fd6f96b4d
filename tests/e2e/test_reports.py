"""The reports on a real cluster."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.blobs import put_blob
from tests.e2e.conftest import Environment, free_port
from tests.e2e.running import running

pytestmark = pytest.mark.cluster

MIB = 1024**2


def parsed(environment: Environment, *words: str) -> Any:
    done = environment.run_dlr(*words, "-o", "json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


# --- status


def test_status_shows_the_registry_among_all_services(environment: Environment) -> None:
    status = parsed(environment, "status")
    assert status["context"] == environment.context
    assert {each["name"] for each in status["nodes"]} == set(environment.nodes())
    workloads = {each["name"]: each for each in status["workloads"]}
    assert (workloads["docker-registry"]["ready"], workloads["docker-registry"]["wanted"]) == (1, 1)
    assert status["workloads"][0]["name"] == "docker-registry"
    assert workloads["coredns"]["system"]
    ports = {each["name"]: each["ports"] for each in status["services"]}
    assert ports["docker-registry-nodeport"] == [{"port": 5000, "protocol": "TCP", "node_port": 30500}]
    assert [each["phase"] for each in status["claims"]] == ["Bound"]
    assert status["unavailable"] == {}


def test_the_table_fits_80_columns(environment: Environment) -> None:
    for command in ("status", "registry-status"):
        done = environment.run_dlr(command, COLUMNS="80")
        assert done.returncode == 0, done.stdout + done.stderr
        assert max(len(line.rstrip()) for line in done.stdout.splitlines()) <= 80


def test_a_warning_is_shown(environment: Environment) -> None:
    environment.kubectl("create", "namespace", "warned")
    try:
        # It may run only once the namespace has its service account.
        environment.kubectl_in_time("-n", "warned", "run", "broken", "--image=localhost:1/nonesuch:1")
        deadline = time.monotonic() + 60
        while not (found := _warnings(environment, "warned")) and time.monotonic() < deadline:
            time.sleep(1)
    finally:
        environment.kubectl("delete", "namespace", "warned", "--wait=false")
    assert found[0]["object"] == "Pod/broken"
    assert found[0]["reason"] == "Failed"


def _warnings(environment: Environment, namespace: str) -> list[Any]:
    found = parsed(environment, "status")["warnings"]
    return [each for each in found if each["namespace"] == namespace and each["reason"] == "Failed"]


# --- registry-status


def test_a_healthy_registry(environment: Environment) -> None:
    status = parsed(environment, "registry-status")
    assert (status["healthy"], status["verdict"]) == (True, "healthy")
    assert status["outside"]["url"] == f"http://{environment.registry}"
    assert status["outside"]["seconds"] > 0
    assert status["inside"]["seconds"] > 0
    assert status["published"] == environment.registry
    assert status["claim"]["size"] == 10 * 1024 * MIB
    assert [each["ready"] for each in status["pods"]] == [True]
    assert status["unavailable"] == {"usage": "the cluster has no metrics API (metrics-server)"}


def test_the_volumes_real_use(environment: Environment) -> None:
    before = parsed(environment, "registry-status")
    put_blob(environment.registry, "sized/app", os.urandom(20 * MIB))
    after = parsed(environment, "registry-status")
    assert 20 * MIB <= after["stored"] - before["stored"] < 21 * MIB
    assert after["repositories"] >= before["repositories"] >= 0
    assert after["disk"]["free"] > 0


def test_no_registry_is_said_with_what_to_type(environment: Environment) -> None:
    done = environment.run_dlr("registry-status", "--namespace", "default")
    assert done.returncode == 1
    assert "✗ there is no registry in namespace default" in done.stdout
    typed = f"dlr deploy-registry --context {environment.context} --namespace default"
    assert f"hint: `{typed}` deploys one" in " ".join(done.stdout.split())


def test_a_registry_that_is_not_reached_from_here(environment: Environment) -> None:
    done = environment.run_dlr("registry-status", "--registry", f"localhost:{free_port()}")
    assert done.returncode == 1
    assert "✗ it runs, but is not to be reached from here" in done.stdout
    assert f"--registry {environment.registry}" in done.stdout


def test_without_rights_the_rest_is_shown(environment: Environment) -> None:
    kubectl = environment.kubectl
    kubectl("-n", "storage", "create", "serviceaccount", "onlooker")
    try:
        kubectl(
            *("-n", "storage", "create", "rolebinding", "onlooker"),
            *("--clusterrole=view", "--serviceaccount=storage:onlooker"),
        )
        who = "--as=system:serviceaccount:storage:onlooker"
        environment.kubectl_in_time("-n", "storage", "auth", "can-i", "list", "pods", who)
        token = kubectl("-n", "storage", "create", "token", "onlooker").strip()
        own = environment.kubeconfig.with_name("onlooker")
        own.write_text(environment.kubeconfig.read_text())
        subprocess.run(
            [
                *("kubectl", f"--kubeconfig={own}", "config", "set-credentials"),
                *("onlooker", f"--token={token}"),
            ],
            check=True,
            capture_output=True,
        )
        context = ["config", "set-context", environment.context, "--user=onlooker"]
        subprocess.run(["kubectl", f"--kubeconfig={own}", *context], check=True, capture_output=True)
        done = environment.run_dlr("registry-status", "-o", "json", KUBECONFIG=str(own))
    finally:
        kubectl("-n", "storage", "delete", "serviceaccount/onlooker")
        kubectl("-n", "storage", "delete", "rolebinding/onlooker", "--ignore-not-found")
    status = json.loads(done.stdout)
    assert (done.returncode, status["healthy"]) == (0, True)
    assert status["deployment"]["ready"] == 1
    assert status["stored"] is None
    assert "pods/exec" in status["unavailable"]["stored"]


def test_a_cluster_that_is_away_leaves_what_the_registry_answers(environment: Environment) -> None:
    words = ("--context", "far-away-and-gone", "--registry", environment.registry)
    assert environment.run_dlr("registry-status", *words).returncode == 2, "no such context"
    done = environment.run_dlr("registry-status", "-o", "json", KUBECONFIG="/nonesuch", DLR_CONTEXT="")
    status = json.loads(done.stdout)
    assert (done.returncode, status["healthy"]) == (1, False)
    assert status["outside"]["authorized"]
    assert "although" in status["verdict"]


def test_watching_ends_at_once_with_ctrl_c(environment: Environment) -> None:
    with running(environment, "registry-status", "--watch", "-o", "json") as watched:
        watched.wait_for(lambda: len(watched.out) >= 2)
        code, seconds = watched.interrupt()
    assert all(json.loads(line)["healthy"] for line in watched.out)
    assert (code, len(watched.err)) == (130, 1)
    assert "Traceback" not in watched.err[0]
    assert seconds < 2
