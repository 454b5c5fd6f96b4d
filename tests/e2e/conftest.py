"""A real environment for the end-to-end tests: their own cluster, host port and kubeconfig."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STRANGER = {"name": "somebody-elses", "context": {"cluster": "far-away", "user": "me"}}


@dataclass(frozen=True)
class Environment:
    """A kind cluster of the tests' own, and `dlr` with everything about it in its surroundings."""

    name: str
    host_port: int
    kubeconfig: Path
    variables: dict[str, str]

    @property
    def dlr(self) -> list[str]:
        return [sys.executable, "-m", "ducklake_registry"]

    @property
    def context(self) -> str:
        return f"kind-{self.name}"

    @property
    def registry(self) -> str:
        return f"localhost:{self.host_port}"

    def run_dlr(
        self, *words: str, timeout: float = 400, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `dlr` to its end in a folder; options come from the environment, words can say otherwise."""
        return subprocess.run(
            [*self.dlr, *words],
            env=self.variables | variables,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    @contextlib.contextmanager
    def start_dlr(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start `dlr`, its standard error to be read as it comes; what has not ended by then is killed."""
        with subprocess.Popen(
            [*self.dlr, *words],
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def kubectl(self, *words: str, timeout: float = 120) -> str:
        """Run the real kubectl on the environment's cluster and return what it prints."""
        return run(
            "kubectl", f"--kubeconfig={self.kubeconfig}", f"--context={self.context}", *words, timeout=timeout
        )

    def kubectl_in_time(self, *words: str, seconds: float = 60) -> str:
        """Run kubectl until it succeeds: not every part of a cluster knows at once what was changed."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.kubectl(*words)
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def nodes(self) -> list[str]:
        """Return the containers that are the cluster's nodes."""
        label = f"label=io.x-k8s.kind.cluster={self.name}"
        return sorted(run("docker", "ps", "--all", "--filter", label, "--format", "{{.Names}}").split())

    def destroy(self) -> None:
        """Leave nothing behind, whatever state it is in and whether or not `dlr` works."""
        if shutil.which("kind"):
            run("kind", "delete", "cluster", f"--name={self.name}", f"--kubeconfig={self.kubeconfig}")


def run(*argv: str, timeout: float = 120) -> str:
    """Run a program; what it said is in the error when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


def eventually(what: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _missing() -> str | None:
    for program in ("docker", "kind", "kubectl"):
        if not shutil.which(program):
            return f"{program} is not installed"
    asked = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=60, check=False)
    return None if asked.returncode == 0 else f"no Docker Engine answers: {asked.stderr.strip()}"


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where no engine can be had; in CI that is a failure."""
    if reason := _missing():
        if os.environ.get("CI"):
            pytest.fail(f"CI must run the end-to-end tests, but {reason}")
        pytest.skip(reason)


def new_environment(folder: Path) -> Environment:
    """Return an environment that is not deployed, its kubeconfig in a folder."""
    name, port, kubeconfig = f"dlr-test-{uuid.uuid4().hex[:6]}", free_port(), folder / "kubeconfig"
    write_strangers_kubeconfig(kubeconfig)
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("DLR_", "KUBE"))}
    variables |= {
        "HOME": str(folder),
        "DOCKER_CONFIG": str(folder / "docker"),
        "KUBECONFIG": str(kubeconfig),
        "DLR_NAME": name,
        "DLR_HOST_PORT": str(port),
        "DLR_CONTEXT": f"kind-{name}",
        "DLR_REGISTRY": f"localhost:{port}",
        "COLUMNS": "200",
    }
    variables.pop("VERBOSE", None)
    return Environment(name, port, kubeconfig, variables)


# An idle cluster takes a third of a processor from the tests of other folders: it goes when these are over.
@pytest.fixture(scope="package")
def make_environment(
    engine: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Environment]]:
    """Give names, ports and kubeconfigs for clusters, and see to it that those are gone in the end."""
    made: list[Environment] = []

    def make() -> Environment:
        made.append(new_environment(tmp_path_factory.mktemp("environment")))
        return made[-1]

    yield make
    for each in made:
        each.destroy()


@pytest.fixture(scope="package")
def environment(make_environment: Callable[[], Environment]) -> Environment:
    """A deployed environment of two nodes, shared by the tests that leave it as they found it."""
    made = make_environment()
    done = made.run_dlr("deploy-kind", "--workers", "1")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def registry_afterwards(environment: Environment) -> Iterator[None]:
    """Leave a working registry in the shared environment, whatever a test does to it."""
    yield
    done = environment.run_dlr("deploy-registry")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def sound_afterwards(environment: Environment) -> Iterator[None]:
    """Whatever the tests of a module have come to, those of others find the environment as it was."""
    from tests.e2e.faults import wait_for_answers, wait_for_probes  # which have this module's environment

    # The module before may have restarted kubelets, and the nodes' proxies follow what becomes of that.
    wait_for_probes(environment)
    wait_for_answers(environment)
    yield
    done = environment.run_dlr("deploy-kind")
    assert done.returncode == 0, done.stderr


def write_strangers_kubeconfig(path: Path) -> None:
    """Write a kubeconfig as a user may have it: another cluster, which is the current one."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "far-away", "cluster": {"server": "https://192.0.2.1:6443"}}],
        "users": [{"name": "me", "user": {"token": "not-ours-to-touch"}}],
        "contexts": [STRANGER],
        "current-context": "somebody-elses",
    }
    path.write_text(yaml.safe_dump(content))
    path.chmod(0o600)
