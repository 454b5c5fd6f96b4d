"""`dlr deploy-kind` stopped at any point: run again, it completes; nothing is left at work meanwhile."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.e2e.conftest import Environment, run
from tests.reliability.kills import kill_within, titles, works

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.cluster

INTERRUPTED = 130


@pytest.fixture(scope="module")
def environment(make_environment: Callable[[], Environment]) -> Iterator[Environment]:
    """An environment that is deployed or not, as the test before has left it."""
    made = make_environment()
    yield made
    made.destroy()


@pytest.fixture
def fresh(environment: Environment) -> Environment:
    """An environment that is not deployed yet."""
    environment.destroy()
    return environment


def test_ctrl_c_ends_at_once_and_leaves_no_process(fresh: Environment) -> None:
    with fresh.start_dlr("deploy-kind") as process:
        _wait_until(lambda: bool(fresh.nodes()))
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == INTERRUPTED, said
    last = said.splitlines()[-1]
    assert last.startswith("interrupted"), said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    gone = fresh.run_dlr("destroy-kind", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert not fresh.nodes()


def test_killed_at_every_step_and_run_again_it_completes(fresh: Environment) -> None:
    """Each run is killed one step later than the last, so that each begins with what the one before left."""
    names = titles(fresh)
    assert len(names) >= 8
    for step in range(len(names)):
        kill_within(fresh, step, names, delay=0.05)
    done = fresh.run_dlr("deploy-kind")
    assert done.returncode == 0, done.stderr
    works(fresh)


def test_destroy_takes_all_away_and_can_be_run_again(environment: Environment) -> None:
    assert environment.run_dlr("deploy-kind").returncode == 0
    _what_kind_does_last_is_made_up_for(environment)
    _the_first_volume_goes_with_its_claim(environment)
    again = environment.run_dlr("deploy-kind")
    assert "registry's volume: created" in again.stderr, again.stderr
    _stopped_and_unmarked(environment)
    kept = environment.run_dlr("deploy-kind")
    assert kept.returncode == 3, kept.stderr
    assert "holds volumes" in kept.stderr
    assert environment.nodes(), "what may hold images is not made anew"
    refused = environment.run_dlr("destroy-kind")
    assert refused.returncode == 2, refused.stderr
    assert environment.nodes(), "nothing goes without a yes"
    gone = environment.run_dlr("destroy-kind", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert not environment.nodes()
    contexts = subprocess.run(
        ["kubectl", f"--kubeconfig={environment.kubeconfig}", "config", "get-contexts", "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert contexts.stdout.split() == ["somebody-elses"]
    again = environment.run_dlr("destroy-kind", "--yes")
    assert again.returncode == 0, again.stderr
    assert "not there" in again.stderr


def test_a_cluster_that_kind_left_half_made_is_made_anew(fresh: Environment) -> None:
    """`dlr` and the kind that it started are killed together, at a point where nodes are there but no cluster."""
    with fresh.start_dlr("deploy-kind") as process:
        _wait_until(lambda: bool(fresh.nodes()))
        time.sleep(3)
        children = psutil.Process(process.pid).children(recursive=True)
        assert any(child.name() == "kind" for child in children)
        process.kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):  # what kind runs is done in a moment
                child.kill()
        process.communicate(timeout=10)
    done = fresh.run_dlr("deploy-kind")
    assert done.returncode == 0, done.stderr
    assert "left half made before" in done.stderr
    works(fresh)


def _what_kind_does_last_is_made_up_for(environment: Environment) -> None:
    """The registry is begun beside kind: killed then, there is a class and nobody who makes volumes."""
    (node,) = environment.nodes()
    assert "completed" in run("docker", "exec", node, "cat", "/etc/dlr-environment")
    begun = "echo This cluster is being made by dlr. > /etc/dlr-environment"
    run("docker", "exec", node, "sh", "-c", begun)
    provisioner = ("--namespace", "local-path-storage", "deployment/local-path-provisioner")
    environment.kubectl("delete", *provisioner)
    done = environment.run_dlr("deploy-kind")
    assert "completed" in done.stderr, done.stderr
    environment.kubectl("rollout", "status", *provisioner, "--timeout=90s")


def _the_first_volume_goes_with_its_claim(environment: Environment) -> None:
    """On a cluster of one node `dlr` makes the volume; the cluster's provisioner has to take it for its own."""
    volumes = "/var/local-path-provisioner"
    (node,) = environment.nodes()
    assert environment.kubectl("get", "pv", "-o", "jsonpath={.items[*].status.phase}") == "Bound"
    assert run("docker", "exec", node, "ls", volumes).split() == ["registry-storage"]
    done = environment.run_dlr("clean-registry", "--delete-data", "--yes")
    assert done.returncode == 0, done.stderr
    environment.kubectl("wait", "--for=delete", "pv/registry-storage", "--timeout=60s")
    assert run("docker", "exec", node, "ls", volumes).split() == []


def _stopped_and_unmarked(environment: Environment) -> None:
    """Leave the cluster as one that somebody made with kind alone looks after the machine was restarted."""
    (node,) = environment.nodes()
    run("docker", "exec", node, "rm", "/etc/dlr-environment")
    run("docker", "kill", node)


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
