"""`dlr deploy-kind` killed (SIGKILL) within each of its steps: run again it completes, and images stay."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

from tests.e2e.conftest import Environment, new_environment, run
from tests.reliability.experiment import Lost, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.reliability.experiment import Plan

_IMAGE = "kept"
_INTO_A_STEP = 2.0
"""Seconds: most steps of a new environment take longer; those of one that is whole are over much sooner."""


def kills(plan: Plan) -> Outcome:
    """Make so many environments, each killed within every step: while it is new, and when it holds an image."""
    outcome = Outcome(plan.seed)
    for number in range(plan.first, plan.first + plan.count):
        folder = plan.folder / f"kills{number}"
        folder.mkdir()
        with _environment(folder) as environment:
            try:
                _try(environment, Random(plan.seed_of(number)), outcome)
            except Lost as error:
                outcome.lost.append(f"environment {plan.seed_of(number)}: {error}")
            except (AssertionError, subprocess.TimeoutExpired) as error:
                outcome.failures.append(f"environment {plan.seed_of(number)}: {error}")
        plan.progress(1)
    return outcome.ended()


def _try(environment: Environment, random: Random, outcome: Outcome) -> None:
    names = titles(environment)
    for step in range(len(names)):
        kill_within(environment, step, names, random.uniform(0, _INTO_A_STEP))
        outcome.tally["killed while it is new"] += 1
    _complete(environment)
    works(environment)
    digest = _push(environment)
    for step in range(len(names)):
        kill_within(environment, step, names, random.uniform(0, _INTO_A_STEP / 10))
        outcome.tally["killed when it holds an image"] += 1
    _complete(environment)
    if (found := _digest(environment)) != digest:
        raise Lost(f"{_IMAGE}:v1 is {found}, and was {digest}")
    works(environment)
    outcome.tally["environments that were whole in the end"] += 1


def titles(environment: Environment) -> list[str]:
    """Return the titles of the steps of `deploy-kind`."""
    done = environment.run_dlr("deploy-kind", "--dry-run")
    return [line.partition(". ")[2] for line in done.stdout.splitlines()]


def kill_within(environment: Environment, step: int, names: list[str], delay: float) -> None:
    """Start `deploy-kind` and kill it so many seconds after the step of this number has begun."""
    with environment.start_dlr("deploy-kind") as process:
        assert process.stderr is not None
        if step:
            for line in process.stderr:
                assert not line.startswith("error"), line
                if line.startswith(f"✓ {names[step - 1]}"):
                    break
        time.sleep(delay)


def works(environment: Environment) -> None:
    """Check that the environment is whole: an image can be pushed, and a node can pull it."""
    with urllib.request.urlopen(f"http://{environment.registry}/v2/", timeout=10) as answer:
        assert answer.status == 200
    name = f"{environment.registry}/whole:v1"
    run("docker", "tag", "debian:bookworm-slim", name)
    run("docker", "push", name)
    run("docker", "rmi", name)
    environment.kubectl("run", "whole", f"--image={name}", "--restart=Never", "--command", "--", "true")
    environment.kubectl("wait", "pod/whole", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    environment.kubectl("delete", "pod", "whole", "--now")


def _complete(environment: Environment) -> None:
    done = environment.run_dlr("deploy-kind")
    assert done.returncode == 0, done.stderr


def _push(environment: Environment) -> str:
    name = f"{environment.registry}/{_IMAGE}:v1"
    run("docker", "tag", "debian:bookworm-slim", name)
    run("docker", "push", name)
    run("docker", "rmi", name)
    return _digest(environment)


def _digest(environment: Environment) -> str:
    """Return what the registry says that the image is, all of it read."""
    target = environment.kubeconfig.with_name("kept.tar")
    done = environment.run_dlr("save", f"{_IMAGE}:v1", str(target))
    target.unlink(missing_ok=True)
    return done.stdout.strip() if done.returncode == 0 else done.stderr


@contextmanager
def _environment(folder: Path) -> Iterator[Environment]:
    made = new_environment(folder)
    try:
        yield made
    finally:
        made.destroy()
