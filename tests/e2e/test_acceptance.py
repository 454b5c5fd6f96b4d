"""`dlr test-registry` in a cluster: it passes on a sound one, and finds what is broken in another."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Environment

pytestmark = pytest.mark.cluster


def results(environment: Environment, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = environment.run_dlr("test-registry", "-o", "json", *words)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert found["left_behind"] == []
    return done.returncode, {f"{each['category']}/{each['name']}": each for each in found["results"]}


def with_verdict(found: dict[str, dict[str, Any]], verdict: str) -> set[str]:
    return {name for name, each in found.items() if each["verdict"] == verdict}


def test_a_sound_environment_passes_and_stays_as_it_was(environment: Environment) -> None:
    status, found = results(environment, "--disruptive", "--exclude", "performance")

    assert with_verdict(found, "failed") == set()
    assert status == 0
    logins = {"health/login-asked", "health/login-refused", "health/login-accepted"}
    assert with_verdict(found, "skipped") == logins | {"health/tls"}
    assert "ran on 2 of 2 nodes" in found["images/pod"]["evidence"]
    assert "dlr-acceptance" not in environment.kubectl("get", "pods", "--all-namespaces")
    assert f"{environment.registry}/dlr-acceptance" not in run("docker", "images")
    for node in environment.nodes():
        kept = run("docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", "list", "--quiet")
        assert "dlr-acceptance" not in kept


def test_a_node_that_is_not_wired_is_named(environment: Environment) -> None:
    worker = next(each for each in environment.nodes() if "worker" in each)
    wired, away = f"/etc/containerd/certs.d/{environment.registry}", "/root/unwired"
    run("docker", "exec", worker, "mv", wired, away)
    try:
        status, found = results(environment, "--category", "images", "--exclude", "images/[!p]*")
    finally:
        run("docker", "exec", worker, "mv", away, wired)

    assert status == 1
    assert found["images/pod"]["verdict"] == "failed"
    assert worker in found["images/pod"]["evidence"]
    assert "pull" in found["images/pod"]["evidence"].lower()


def test_a_volume_that_is_read_only_is_found(environment: Environment) -> None:
    change = '[{"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts/0/readOnly", "value": true}]'
    with patched(environment, "deployment/docker-registry", change, change.replace("true", "false")):
        status, found = results(environment, "--category", "storage")

    assert status == 1
    assert with_verdict(found, "failed") == {"storage/mount", "storage/content"}
    assert "read-only" in found["storage/mount"]["evidence"]


def test_a_service_that_leads_nowhere_is_found(environment: Environment) -> None:
    change = '[{"op": "replace", "path": "/spec/selector/app", "value": "nobody"}]'
    with patched(
        environment, "service/docker-registry-nodeport", change, change.replace("nobody", "docker-registry")
    ):
        _wait_until_unreachable(environment)
        status, found = results(environment, "--exclude", "performance")

    assert status == 1
    assert with_verdict(found, "failed") == {"health/api"}
    assert with_verdict(found, "passed") == set()


@contextlib.contextmanager
def patched(environment: Environment, what: str, change: str, back: str) -> Iterator[None]:
    words = ("--namespace", "storage", "patch", what, "--type", "json", "--patch")
    environment.kubectl(*words, change)
    try:
        _settle(environment)
        yield
    finally:
        environment.kubectl(*words, back)
        # It takes the fields over again, and waits until the registry answers.
        done = environment.run_dlr("deploy-kind")
        assert done.returncode == 0, done.stderr


def _settle(environment: Environment) -> None:
    environment.kubectl("--namespace", "storage", "rollout", "status", "deployment/docker-registry")


def _wait_until_unreachable(environment: Environment) -> None:
    """The nodes' proxies follow a change of a service a moment later, and all at their own time."""
    end, failures = time.monotonic() + 60, 0
    while failures < 5:
        assert time.monotonic() < end
        try:
            with urllib.request.urlopen(f"http://{environment.registry}/v2/", timeout=5):
                failures = 0
        except OSError:
            failures += 1
        time.sleep(0.2)
