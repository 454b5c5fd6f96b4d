"""`dlr doctor` as it is typed, what it says, and its repairs as somebody types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.conftest import run

if TYPE_CHECKING:
    from tests.e2e.conftest import Environment

SECONDS = 150.0
IN_STORAGE = ("--namespace", "storage")


@dataclass(frozen=True)
class Checkup:
    """What `dlr doctor -o json` says."""

    status: int
    content: dict[str, Any]

    @property
    def states(self) -> dict[str, str]:
        return {each["link"]: each["state"] for each in self.content["links"]}

    def in_state(self, state: str) -> list[str]:
        return [link for link, each in self.states.items() if each == state]

    def of(self, link: str) -> dict[str, Any]:
        """Return the first finding about a link."""
        found: dict[str, Any] = next(each for each in self.content["findings"] if each["link"] == link)
        return found


def looked(environment: Environment, *words: str, **variables: str) -> Checkup:
    done = environment.run_dlr("doctor", "-o", "json", *words, timeout=400, cwd=None, **variables)
    assert done.stdout, done.stderr
    found = Checkup(done.returncode, json.loads(done.stdout))
    assert found.content["healthy"] is (found.status == 0)
    return found


def until(environment: Environment, link: str, *said: str, broken_at: str | None = None) -> Checkup:
    """Look until a link's faults show, and are blamed: the cluster notices some things only after a while."""
    end = time.monotonic() + SECONDS
    while True:
        found = looked(environment)
        seen = [each["seen"] for each in found.content["findings"] if each["link"] == link]
        blamed = broken_at in (None, found.content["broken_at"])
        if blamed and all(any(words in each for each in seen) for words in said):
            return found
        assert time.monotonic() < end, json.dumps(found.content, indent=1)
        time.sleep(1)


def fixed(environment: Environment, *words: str, **variables: str) -> Checkup:
    """Let it repair what it can, and look again."""
    found = looked(environment, "--fix", "--yes", *words, **variables)
    assert found.status == 0, json.dumps(found.content, indent=1)
    return found


def healthy(environment: Environment, *words: str, **variables: str) -> Checkup:
    """Look until nothing is found: the nodes' proxies and kubelets follow a repair a moment later."""
    end = time.monotonic() + SECONDS
    while (found := looked(environment, *words, **variables)).content["findings"]:
        assert time.monotonic() < end, json.dumps(found.content, indent=1)
        time.sleep(1)
    return found


def typed(environment: Environment, repair: str) -> None:
    """Type the command that a finding proposes, as it stands; `dlr` is the one under test."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    surroundings = environment.variables | {"PATH": path}
    argv = ["bash", "-c", repair]
    done = subprocess.run(argv, env=surroundings, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, f"{repair}: {done.stdout}{done.stderr}"


def named_and_repaired(environment: Environment, link: str, said: str, means: str) -> None:
    """Look until a link's trouble shows, and type the repair that is proposed.

    A pod that is killed and started again is well for a moment each time, and the nodes' proxies follow it later.
    """
    found = until(environment, link, said, broken_at=link)
    assert means in found.of(link)["means"]
    typed(environment, found.of(link)["repair"])
    healthy(environment)


def push_of_random_bytes(name: str, megabytes: int, folder: Path) -> None:
    """Build an image that cannot be compressed, and push it."""
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY content /\n")
    (folder / "content").write_bytes(os.urandom(megabytes << 20))
    run("docker", "build", "--quiet", f"--tag={name}", str(folder))
    run("docker", "push", name)
