"""`dlr doctor` and what holds for a time: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import eventually, run
from tests.e2e.examining import healthy, looked, typed, until

if TYPE_CHECKING:
    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]

# The same certificate once more, signed by the same authority, but for yesterday.
EXPIRE = """
cd /etc/kubernetes/pki
openssl x509 -x509toreq -in apiserver.crt -signkey apiserver.key -copy_extensions copy -out /tmp/request
openssl x509 -req -in /tmp/request -CA ca.crt -CAkey ca.key -set_serial 7 -days -1 -copy_extensions copy \\
  -out apiserver.crt
rm /tmp/request
"""

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_a_clock_that_is_wrong(environment: Environment) -> None:
    """It is dlr that sees another time: the nodes have the kernel's clock, which is the whole machine's.

    Setting the clock is the system's work (`timedatectl`), which is not there in a container: the repair is that
    dlr sees the right time again.
    """
    found = looked(environment, LD_PRELOAD=str(FAKETIME), FAKETIME="+15m")
    assert found.status == 0, "nothing is broken yet"
    assert found.of("kubernetes")["seen"].startswith("the clock of the API server is 15m")
    assert found.of("http")["seen"].startswith("the clock of the registry is 15m")
    assert "behind this machine's" in found.of("http")["seen"]

    found = looked(environment, LD_PRELOAD=str(FAKETIME), FAKETIME="+3y")
    assert found.content["broken_at"] == "kubernetes"
    assert "certificate has expired" in found.of("kubernetes")["seen"]
    assert "the clock of the engine is 109" in found.of("kubernetes")["means"]
    assert "timedatectl" in found.of("kubernetes")["repair"]
    healthy(environment)


def test_a_certificate_of_the_cluster_that_has_expired(environment: Environment) -> None:
    """As on a cluster that nobody has upgraded for a year; here it is the one that the API server shows to all."""
    control_plane = environment.nodes()[0]
    run("docker", "exec", control_plane, "sh", "-euc", EXPIRE)
    found = until(environment, "kubernetes", "certificate has expired")
    assert found.content["broken_at"] == "kubernetes"
    assert "a certificate or token that opens the cluster is not valid now" in found.of("kubernetes")["means"]
    before = servers(control_plane)
    typed(environment, found.of("kubernetes")["repair"])
    # One that is told to end goes on to answer for a while.
    eventually(lambda: bool(servers(control_plane)) and not servers(control_plane) & before)
    healthy(environment)


def servers(node: str) -> set[str]:
    """Return the processes of a node that are API servers."""
    words = ["docker", "exec", node, "pgrep", "kube-apiserver"]
    return set(subprocess.run(words, capture_output=True, text=True, check=False).stdout.split())
