"""The reports, the log and the forwarded port on a real cluster."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import Environment, free_port
from tests.e2e.faults import restart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.cluster

MIB = 1024**2
DEPLOYMENT = "deployment/docker-registry"


def parsed(environment: Environment, *words: str) -> Any:
    done = environment.run_dlr(*words, "-o", "json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@dataclass
class Running:
    """A `dlr` that goes on until it is told to end."""

    process: subprocess.Popen[bytes]
    out: list[str]
    err: list[str]

    def wait_for(self, what: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"out: {self.out}, err: {self.err}"
            assert self.process.poll() is None, f"it ended: {self.out}, {self.err}"
            time.sleep(0.1)

    def interrupt(self) -> tuple[int, float]:
        """Press Ctrl-C; return the exit code and how long the end took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20), time.monotonic() - start


@contextlib.contextmanager
def running(environment: Environment, *words: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ducklake_registry", *words],
        env=environment.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    found = Running(process, [], [])
    readers = [
        threading.Thread(target=lambda s=stream, t=to: t.extend(iter(lambda: s.readline().decode(), "")))
        for stream, to in ((process.stdout, found.out), (process.stderr, found.err))
    ]
    for reader in readers:
        reader.start()
    try:
        yield found
    finally:
        process.kill()
        process.wait()
        for reader in readers:
            reader.join()
        for stream in (process.stdout, process.stderr):
            assert stream
            stream.close()


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


# --- logs


def test_a_followed_log_goes_on_with_the_next_pod(environment: Environment) -> None:
    with running(environment, "logs", "--follow", "--tail", "1") as followed:
        followed.wait_for(lambda: len(followed.out) >= 1)
        restart(environment)
        followed.wait_for(lambda: any("going on with pod" in line for line in followed.err))
        followed.wait_for(lambda: any("listening on" in line for line in followed.out))
        code, seconds = followed.interrupt()
    assert any("stopping server" in line for line in followed.out), "the old pod's last words are there too"
    assert code == 130
    assert seconds < 2
    assert len(followed.out) == len(set(followed.out)), "no line comes twice"


def test_parts_of_a_log(environment: Environment) -> None:
    whole = environment.run_dlr("logs").stdout.splitlines()
    assert len(whole) > 2
    assert environment.run_dlr("logs", "--tail", "2").stdout.splitlines()[0] in whole
    assert len(environment.run_dlr("logs", "--tail", "2").stdout.splitlines()) == 2
    assert environment.run_dlr("logs", "--since", "0.5s").stdout.count("\n") < len(whole)


def test_no_log(environment: Environment) -> None:
    missing = environment.run_dlr("logs", "--namespace", "default")
    assert missing.returncode == 3
    assert re.fullmatch(r"error: there is no registry in namespace default .*\nhint: .*\n", missing.stderr)
    previous = environment.run_dlr("logs", "--previous")
    assert previous.returncode == 3
    assert "has had no previous run" in previous.stderr


# --- port-forward


def put_blob(registry: str, repository: str, content: bytes) -> str:
    """Upload a blob in one piece, with nothing of ours."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    host, port = registry.split(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=120)) as connection:
        connection.request("POST", f"/v2/{repository}/blobs/uploads/")
        answer = connection.getresponse()
        answer.read()
        place = urlsplit(answer.headers["Location"])
        connection.request("PUT", f"{place.path}?{place.query}&digest={digest}", content)
        assert connection.getresponse().status == 201
    return digest


def get_blob(registry: str, repository: str, digest: str) -> str:
    """Download a blob and return its digest."""
    host, port = registry.split(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=120)) as connection:
        connection.request("GET", f"/v2/{repository}/blobs/{digest}")
        return f"sha256:{hashlib.sha256(connection.getresponse().read()).hexdigest()}"


@pytest.fixture(scope="module")
def forwarded(environment: Environment) -> Iterator[tuple[Running, str]]:
    port = free_port()
    with running(environment, "port-forward", "--port", str(port)) as forwarding:
        forwarding.wait_for(lambda: bool(forwarding.err))
        yield forwarding, f"localhost:{port}"


def test_the_forwarded_port_says_where_it_leads(forwarded: tuple[Running, str]) -> None:
    forwarding, registry = forwarded
    pattern = rf"forwarding http://{registry} -> pod/docker-registry-\S+ \(Ctrl-C ends it\)\n"
    assert re.fullmatch(pattern, forwarding.err[0])


def test_large_blobs_go_both_ways_and_several_at_once(forwarded: tuple[Running, str]) -> None:
    _, registry = forwarded
    digest = put_blob(registry, "forwarded/large", os.urandom(100 * MIB))
    got: list[str] = []
    readers = [
        threading.Thread(target=lambda: got.append(get_blob(registry, "forwarded/large", digest)))
        for _ in range(3)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert got == [digest] * 3


def test_a_new_connection_goes_to_the_new_pod(environment: Environment, forwarded: tuple[Running, str]) -> None:
    forwarding, registry = forwarded
    restart(environment)
    host, port = registry.split(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:
        connection.request("GET", "/v2/")
        assert connection.getresponse().status == 200
    names = {name for line in forwarding.err for name in re.findall(r"pod/(\S+)", line)}
    assert len(names) == 2


def test_a_taken_port_names_who_holds_it(environment: Environment, forwarded: tuple[Running, str]) -> None:
    forwarding, registry = forwarded
    done = environment.run_dlr("port-forward", "--port", registry.partition(":")[2])
    assert done.returncode == 3
    assert f"(process {forwarding.process.pid})" in done.stderr
    assert "--port" in done.stderr


def test_forwarding_ends_at_once_with_ctrl_c(forwarded: tuple[Running, str]) -> None:
    forwarding, registry = forwarded
    host, port = registry.split(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:
        connection.request("GET", "/v2/")
        connection.getresponse().read()
        code, seconds = forwarding.interrupt()
    assert code == 130
    assert seconds < 2
    assert "Traceback" not in "".join(forwarding.err)
