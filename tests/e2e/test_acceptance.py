"""`dlr test-registry` in a cluster: it passes on a sound one, finds what is broken, and leaves nothing."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.test_registries import LACKS
from tests.e2e.conftest import run
from tests.e2e.examining import healthy, looked, typed, until
from tests.e2e.faults import (
    FAULTS,
    firewalled,
    in_registry,
    repair,
    restart,
    settle,
    wait_for_answers,
    wanting_a_login,
)
from tests.registry import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Environment
    from tests.e2e.faults import Fault

pytestmark = pytest.mark.cluster

GIVEN = f"<<< '{programs.PASSWORD}'"
"""The password, as bash gives it to a program."""


def results(environment: Environment, *words: str, login: str = "") -> tuple[int, dict[str, Any]]:
    done = environment.run_dlr("test-registry", "-o", "json", *words, DOCKER_AUTH_CONFIG=login)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def by_path(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{each['category']}/{each['name']}": each for each in found["results"]}


def with_verdict(found: dict[str, Any], verdict: str) -> set[str]:
    return {path for path, each in by_path(found).items() if each["verdict"] == verdict}


def assert_nothing_stays(environment: Environment) -> None:
    """Neither tags nor content, pods, secrets, or images in the engine and in the nodes."""
    there = environment.kubectl("get", "pods,secrets", "--all-namespaces", "--output", "name")
    assert "dlr-acceptance" not in there
    assert f"{environment.registry}/dlr-acceptance" not in run("docker", "images")
    for node in environment.nodes():
        kept = run("docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", "list", "--quiet")
        assert "dlr-acceptance" not in kept
    filed = ("find", "/var/lib/registry", "-path", "*/dlr-acceptance/*", "-name", "link")
    assert in_registry(environment, *filed) == ""


def test_a_sound_environment_passes_and_stays_as_it_was(environment: Environment) -> None:
    status, found = results(environment, "--disruptive", "--exclude", "performance")

    assert with_verdict(found, "failed") == set()
    assert status == 0
    logins = {"health/login-asked", "health/login-refused", "health/login-accepted"}
    assert with_verdict(found, "skipped") == logins | {"health/tls"}
    assert "ran on 2 of 2 nodes" in by_path(found)["images/pod"]["evidence"]
    assert found["left_behind"] == []
    assert_nothing_stays(environment)
    around = found["environment"]
    assert around["software"] == "github.com/distribution/distribution/v3 v3.1.2"
    assert (around["context"], around["namespace"]) == (environment.context, "storage")
    assert around["kubernetes"].startswith("v1.")
    assert [each["name"] for each in around["nodes"]] == environment.nodes()
    assert around["engine"].startswith("Docker ")


@pytest.mark.parametrize("fault", FAULTS, ids=[each.name for each in FAULTS])
def test_what_is_broken_is_found(environment: Environment, fault: Fault) -> None:
    with fault.make(environment):
        status, found = results(environment, *fault.words)

    assert status == 1
    assert with_verdict(found, "failed") == set(fault.found), found
    for path, words in fault.found.items():
        assert re.search(words, by_path(found)[path]["evidence"]), by_path(found)[path]
    if fault.name != "service of nobody":
        assert found["left_behind"] == []
    assert_nothing_stays(environment)


def test_a_network_that_is_cut_in_between_ends_it_soon(environment: Environment) -> None:
    """What could not be removed is named, and removed by the next run."""
    (control_plane,) = (each for each in environment.nodes() if "control-plane" in each)
    words = ("--verbose", "--category", "tags", "--category", "images", "--timeout", "8s", "-o", "json")
    with start(environment, *words) as started:
        assert started.stderr
        assert started.stdout
        next(line for line in started.stderr if "-many-" in line)
        with firewalled(control_plane, "FORWARD", "-p", "tcp", "--dport", "5000", "-j", "DROP"):
            began = time.monotonic()
            for _ in started.stderr:
                pass
            found = json.loads(started.stdout.read())
            status = started.wait(60)
            took = time.monotonic() - began

    assert status == 1
    assert took < 60
    verdicts = [each["verdict"] for each in found["results"]]
    place = verdicts.index("failed")
    assert "in time" in found["results"][place]["evidence"]
    assert set(verdicts[:place]) <= {"passed", "unsupported"}
    assert set(verdicts[place + 1 :]) == {"skipped"}
    left = {each.partition(": ")[0] for each in found["left_behind"]}
    restart(environment)  # or a request that was cut, sent once more by the kernel, makes its tag after this
    status, found = results(environment, "--category", "tags")
    assert status == 0
    assert found["cleared"]
    assert set(found["cleared"]) <= left
    assert_nothing_stays(environment)


@contextlib.contextmanager
def start(environment: Environment, *words: str) -> Iterator[subprocess.Popen[str]]:
    argv = [*environment.dlr, "test-registry", *words]
    with subprocess.Popen(
        argv, env=environment.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@pytest.mark.parametrize("cancelled", [False, True], ids=["ctrl-c", "a cancelled job"])
def test_ctrl_c_while_pods_run_leaves_nothing(environment: Environment, cancelled: bool) -> None:
    """By then there are tags and content, an image in the engine, images in the nodes, and pods."""
    words = ("--category", "images", "--exclude", "images/[!ep]*")
    with start(environment, *words) as started:
        end = time.monotonic() + 60
        while "dlr-acceptance" not in environment.kubectl(
            "get", "pods", "--namespace", "storage", "--output", "name"
        ):
            assert started.poll() is None, started.communicate()
            assert time.monotonic() < end
        assert f"{environment.registry}/dlr-acceptance" in run("docker", "images")
        started.send_signal(signal.SIGINT)
        if cancelled:  # as a CI job is: what was not over after some seconds is told once more
            time.sleep(0.3)
            started.send_signal(signal.SIGTERM)
        _, said = started.communicate(timeout=120)

    assert started.returncode == (143 if cancelled else 130), said
    assert_nothing_stays(environment)


def test_a_registry_that_is_not_the_clusters_is_tested_alone(environment: Environment, tmp_path: Path) -> None:
    """Its cluster is somebody else's: nothing is asked of that, and nothing claimed about it."""
    with programs.running("3.1", tmp_path) as other:
        status, found = results(environment, "--registry", other.host, "--exclude", "performance")

    assert status == 0
    needing_cluster = {f"storage/{each}" for each in ("claim", "mount", "content", "use", "restart")} | {
        "images/pod"
    }
    assert with_verdict(found, "skipped") >= needing_cluster
    for path in needing_cluster:
        assert f"{other.host} is not the registry in namespace storage" in by_path(found)[path]["evidence"]
    assert by_path(found)["images/engine"]["verdict"] == "passed"
    assert found["environment"]["nodes"] == []
    assert_nothing_stays(environment)


def test_pods_get_the_login_that_the_registry_wants(environment: Environment) -> None:
    auths = {"auths": {environment.registry: {"username": programs.USER, "password": programs.PASSWORD}}}
    with wanting_a_login(environment):
        words = ("--category", "health", "--category", "images", "--exclude", "images/[!ep]*")
        status, found = results(environment, *words, login=json.dumps(auths))
        nobodys, _ = results(environment, *words)
        assert_nothing_stays(environment)
        barred = looked(environment)
        typed(environment, f"{barred.of('login')['repair']} --username {programs.USER} --password-stdin {GIVEN}")
        healthy_again = looked(environment)
        secretless = pod_without_a_secret(environment)
        typed(environment, f"docker logout {environment.registry}")

    assert with_verdict(found, "failed") == set(), found
    assert (status, nobodys) == (0, 1)
    logins = {"health/login-asked", "health/login-refused", "health/login-accepted"}
    assert with_verdict(found, "passed") == logins | {"health/api", "images/engine", "images/pod"}
    assert "on 2 of 2 nodes, with a pull secret" in by_path(found)["images/pod"]["evidence"]
    assert found["left_behind"] == []
    assert programs.PASSWORD not in json.dumps(found)
    assert (barred.content["broken_at"], healthy_again.status) == ("login", 0)
    assert (
        secretless["means"] == "the registry wants a login, and pod default/secretless has no secret for pulling"
    )


def pod_without_a_secret(environment: Environment) -> dict[str, Any]:
    """Return what is found about a pod that cannot pull, and let it pull by what is proposed."""
    image = f"{environment.registry}/secretless:v1"
    typed(environment, f"docker tag registry:3.1.2 {image} && docker push {image} && docker rmi {image}")
    words = ("run", "secretless", f"--image={image}", "--restart=Never")
    try:
        environment.kubectl(*words)
        found = until(environment, "pull", "secretless").of("pull")
        assert programs.PASSWORD not in json.dumps(found)
        typed(environment, found["repair"].replace("PASSWORD", f"'{programs.PASSWORD}'"))
        environment.kubectl("wait", "pod/secretless", "--for=condition=Ready", "--timeout=60s")
    finally:
        environment.kubectl("delete", "pod,secret", "secretless", "registry-login", "--now", "--ignore-not-found")
    return found


def test_a_configuration_with_a_login_that_the_pod_has_not_read(environment: Environment) -> None:
    name = ("configmap", "registry-config", "--namespace", "storage")
    before = json.loads(environment.kubectl("get", *name, "--output", "json"))["data"]["config.yml"]
    auth = "auth:\n  htpasswd:\n    realm: tests\n    path: /etc/docker-registry/htpasswd\n"
    environment.kubectl("patch", *name, "--patch", json.dumps({"data": {"config.yml": before + auth}}))
    try:
        status, found = results(environment, "--category", "health")
    finally:
        environment.kubectl("patch", *name, "--patch", json.dumps({"data": {"config.yml": before}}))
        restart(environment)
    assert (status, with_verdict(found, "failed")) == (1, {"health/login-asked"})
    said = by_path(found)["health/login-asked"]["evidence"]
    assert said == "its configuration has authentication, but it lets anyone in"


def test_of_two_pods_the_other_is_no_successor(environment: Environment) -> None:
    of_registry = ("--namespace", "storage", "get", "pods", "--selector=app=docker-registry", "--output=name")
    two = ("--namespace", "storage", "scale", "deployment/docker-registry")
    try:
        environment.kubectl(*two, "--replicas=2")
        settle(environment)
        before = environment.kubectl(*of_registry).split()
        status, found = results(environment, "--category", "storage", "--disruptive")
    finally:
        environment.kubectl(*two, "--replicas=1")
        repair(environment)
    assert (status, len(before)) == (0, 2), found
    successor = by_path(found)["storage/restart"]["evidence"].rpartition(" ")[2]
    assert f"pod/{successor}" not in before


@pytest.fixture
def older(environment: Environment, tmp_path: Path) -> Iterator[None]:
    """Release 2.8 in place of the registry: Debian's program, with its C library, in the same image."""
    program = programs.find_program("2.8")
    if program is None:
        pytest.skip("no program of distribution 2.8 here")
    files = {program: "bin/registry"}
    files |= {Path(each): each[1:] for each in re.findall(r"/\S+", run("ldd", str(program)))}
    for source, target in files.items():
        (tmp_path / "root" / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tmp_path / "root" / target)
    (tmp_path / "Dockerfile").write_text("FROM registry:3.1.2\nCOPY root/ /\n")
    image = f"dlr-tests/registry-{environment.name}:older"
    run("docker", "build", "--tag", image, str(tmp_path))
    try:
        done = environment.run_dlr("deploy-kind", "--registry-image", image)
        assert done.returncode == 0, done.stderr
        wait_for_answers(environment)
        yield
    finally:
        repair(environment)
        run("docker", "rmi", image)


@pytest.mark.usefixtures("older")
def test_an_older_release_is_told_and_left_behind(environment: Environment) -> None:
    """2.8 passes, with what it lacks as unsupported; the doctor knows its faults, and how to be rid of them."""
    status, found = results(environment, "--exclude", "performance")
    assert with_verdict(found, "failed") == set(), found
    assert status == 0
    assert with_verdict(found, "unsupported") == LACKS["2.8"]
    assert "ran on 2 of 2 nodes" in by_path(found)["images/pod"]["evidence"]
    assert "distribution 2.8" in found["environment"]["software"]
    assert_nothing_stays(environment)

    warned = looked(environment)
    assert (warned.status, warned.of("pod")["severity"]) == (0, "warning")
    assert "is release 2.8.2, which has known faults" in warned.of("pod")["seen"]
    typed(environment, warned.of("pod")["repair"])
    healthy(environment)
