"""A cluster that kind alone has made: it is left alone, and `dlr doctor` names its faults and repairs them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.manifests import registry_objects
from tests.e2e.conftest import run
from tests.e2e.examining import SECONDS, looked, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.conftest import Environment
    from tests.e2e.examining import Checkup

pytestmark = pytest.mark.cluster

# It answers as macOS's AirPlay Receiver does on port 5000.
AIRPLAY = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Receiver(BaseHTTPRequestHandler):
    def version_string(self):
        return "AirTunes/760.20.1"

    def do_GET(self):
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print("listening", flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def bare(make_environment: Callable[[], Environment]) -> Iterator[Environment]:
    """A kind cluster without the port mapping, and nothing of dlr's in it."""
    made = make_environment()
    images = run("docker", "images", "kindest/node", "--format", "{{.Repository}}:{{.Tag}}").split()
    run(
        *("kind", "create", "cluster", "--name", made.name, "--image", images[0], "--wait", "120s"),
        *("--kubeconfig", str(made.kubeconfig)),
        timeout=400,
    )
    yield made
    made.destroy()


def test_a_cluster_of_somebody_elses_is_left_alone(bare: Environment) -> None:
    """It has the name, but not the registry's port mapping."""
    for words in (["deploy-kind"], ["destroy-kind", "--yes"]):
        done = bare.run_dlr(*words)
        assert done.returncode == 3, done.stderr
        assert "was not made by dlr" in done.stderr
    assert bare.nodes()


def test_a_cluster_that_was_made_without_the_registry_in_mind(bare: Environment, tmp_path: Path) -> None:
    """No default storage class, no image of the registry, no wiring, no port: everything is named and repaired."""
    bare.kubectl("annotate", "storageclass", "standard", "storageclass.kubernetes.io/is-default-class-")
    (manifests := tmp_path / "registry.yaml").write_text(yaml.safe_dump_all(registry_objects()))
    bare.kubectl("apply", "-f", str(manifests))

    found = until(bare, "claim", "of no storage class")
    assert found.content["broken_at"] == "claim"
    assert "annotate storageclass standard" in found.of("claim")["repair"]
    assert found.of("pod")["follows_from"] == "claim"
    assert "was made without the registry's port mapping" in found.of("host port")["means"]

    found = looked(bare, "--fix", "--yes")
    end = time.monotonic() + 2 * SECONDS + 60  # the scheduler looks again at every pod after 5 minutes
    while found.in_state("broken") != ["host port"]:
        assert time.monotonic() < end, json.dumps(found.content, indent=1)
        found = looked(bare, "--fix", "--yes")
    assert found.states["wiring"] == found.states["pod"] == "sound"

    assert forwarded(bare, found.of("host port")["repair"]).status == 0


def forwarded(environment: Environment, repair: str, *words: str) -> Checkup:
    """Look while a port is forwarded, as a finding proposes it."""
    with environment.start_dlr(*shlex.split(repair, comments=True)[1:]) as forwarding:
        assert forwarding.stderr
        assert "forwarding" in forwarding.stderr.readline()
        found = looked(environment, *words)
        forwarding.terminate()
        forwarding.communicate(timeout=20)
    return found


def test_a_port_that_airplay_holds(bare: Environment) -> None:
    argv = [sys.executable, "-c", AIRPLAY, str(bare.host_port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as receiver:
        assert receiver.stdout
        assert receiver.stdout.readline()
        try:
            found = looked(bare)
            nobodys = looked(bare, DLR_CONTEXT="kind-never-made")
            assert f"(process {receiver.pid}), which is AirPlay" in found.of("host port")["seen"]
            assert found.of("host port")["follows_from"] is None
            assert "AirPlay Receiver" in found.of("http")["means"]
            beside = found.of("host port")["repair"]
            command, options = beside.split("  # and ")
            around = forwarded(bare, command, *options.split())
            assert (around.states["host port"], around.states["http"]) == ("sound", "sound")
        finally:
            receiver.kill()
    assert "which is AirPlay" in nobodys.of("host port")["seen"]
    assert "turn AirPlay Receiver off" in nobodys.of("host port")["repair"]
    assert "AirPlay" not in json.dumps(looked(bare).content), "once it is turned off"
