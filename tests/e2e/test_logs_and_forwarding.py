"""The log and the forwarded port on a real cluster."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import threading
from typing import TYPE_CHECKING

import pytest

from tests.e2e.blobs import get_blob, put_blob
from tests.e2e.conftest import Environment, free_port
from tests.e2e.faults import restart
from tests.e2e.running import Running, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.cluster

MIB = 1024**2

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
    # What it says of the new pod may be read later than its answer.
    forwarding.wait_for(lambda: len(set(re.findall(r"pod/(\S+)", "".join(forwarding.err)))) == 2)


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
