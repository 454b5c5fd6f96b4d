"""`dlr doctor` and the way to the registry's port: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.cluster.ports import holder_of
from tests.e2e.conftest import free_port, run
from tests.e2e.examining import IN_STORAGE, fixed, healthy, looked, typed, until
from tests.e2e.faults import restart

if TYPE_CHECKING:
    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]

OTHER_PROGRAM = """
import socket, sys, time
server = socket.create_server(("::1", int(sys.argv[1])), family=socket.AF_INET6)
print("listening", flush=True)
time.sleep(600)
"""


def test_ports_and_nodes_that_lead_elsewhere(environment: Environment) -> None:
    """A node port that kind does not lead to, a node that is not wired, one that is wired to an old address."""
    change = '[{"op": "replace", "path": "/spec/ports/0/nodePort", "value": 30511}]'
    environment.kubectl(
        *IN_STORAGE, "patch", "service/docker-registry-nodeport", "--type", "json", "--patch", change
    )
    control_plane, worker = environment.nodes()
    folder = f"/etc/containerd/certs.d/{environment.registry}"
    run("docker", "exec", worker, "rm", "-rf", folder)
    run("docker", "exec", control_plane, "sed", "-i", "s#//[^:]*:#//172.18.255.7:#", f"{folder}/hosts.toml")

    found = looked(environment)
    assert found.content["broken_at"] == "node port"
    assert "30511, not 30500" in found.of("node port")["seen"]
    said = [each["seen"] for each in found.content["findings"] if each["link"] == "wiring"]
    assert said == [
        f"node {control_plane} is wired to http://172.18.255.7:30500 for {environment.registry}",
        f"node {worker} is not wired for {environment.registry}",
    ]
    assert found.in_state("broken") == ["node port", "wiring"], "the one does not follow from the other"
    fixed(environment)


def test_proxies_that_swallow_localhost(environment: Environment) -> None:
    """Nobody listens at that proxy; dlr itself goes on to reach the registry and the cluster."""
    proxies = {name: f"http://user:secret@127.0.0.1:{free_port()}" for name in ("http_proxy", "HTTPS_PROXY")}
    found = looked(environment, **proxies)
    assert found.in_state("broken") == ["client"]
    assert "through the proxy 127.0.0.1:" in found.of("client")["seen"]
    assert "secret" not in json.dumps(found.content)
    _, *settings = shlex.split(found.of("client")["repair"])
    assert looked(environment, **proxies, **dict(each.split("=", 1) for each in settings)).status == 0


def test_another_program_at_the_other_localhost(environment: Environment) -> None:
    argv = [sys.executable, "-c", OTHER_PROGRAM, str(environment.host_port)]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert holder.stdout
        if not holder.stdout.readline():
            pytest.skip("this machine has no IPv6")
        found = looked(environment)
        assert found.content["broken_at"] == "host port"
        assert f"(process {holder.pid})" in found.of("host port")["seen"]
        assert found.of("host port")["repair"] == f"kill {holder.pid}"
        typed(environment, found.of("host port")["repair"])
        holder.wait(10)
    finally:
        holder.kill()
        holder.communicate()
    healthy(environment)


def test_a_port_that_the_engine_no_longer_leads(environment: Environment) -> None:
    """The engine has a program of its own for each port that it leads, and that may end."""
    holder = re.fullmatch(r"docker-proxy \(process (\d+)\)", holder_of(environment.host_port) or "")
    if not holder:
        pytest.skip("this engine leads ports otherwise, or does not show how")
    os.kill(int(holder[1]), signal.SIGKILL)
    found = looked(environment)
    assert found.content["broken_at"] == "host port"
    assert "the engine does not lead the port" in found.of("host port")["means"]
    typed(environment, found.of("host port")["repair"])
    healthy(environment)


def test_a_proxy_of_a_node_that_hangs(environment: Environment) -> None:
    """What it was told before still holds, and so leads to a pod that is gone."""
    worker = environment.nodes()[-1]
    run("docker", "exec", worker, "pkill", "-STOP", "kube-proxy")
    restart(environment)
    found = until(environment, "node port", f"does not answer on {worker}")
    assert found.content["broken_at"] == "node port"
    typed(environment, found.of("node port")["repair"])
    healthy(environment)
