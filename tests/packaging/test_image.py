"""The image of `dlr` itself: built by `dlr`, and run as a job in a locked-down cluster would run it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ducklake_registry import __version__
from tests.docker_command import docker, docker_inspect
from tests.engine.conftest import Project
from tests.packaging.build_context import copied, forget_stages
from tests.registry.images import push_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.registry.programs import RunningRegistry

pytestmark = [pytest.mark.engine, pytest.mark.registry]

BASE = "python:3.11-slim"
LARGEST = 140_000_000
"""Bytes that it may be larger than its base."""


@pytest.fixture(scope="module")
def image(_engine_answers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not docker("images", "--quiet", BASE).strip():
        pytest.fail(f"the engine has no {BASE}: bootstrap/up --tests")
    (home := tmp_path_factory.mktemp("home")).mkdir(exist_ok=True)
    project = Project(copied(tmp_path_factory.mktemp("context")), "dlr-test-of-its-own", home)
    words = ("build-and-push", "--build-only", "--tag", "tested", "--label", f"dlr-test={project.image}")
    command = [sys.executable, "-m", "ducklake_registry", *words]
    done = subprocess.run(
        command, env=project.environ, cwd=project.folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    yield f"{project.image}:tested"
    for tag in ("tested", "latest"):
        docker("rmi", f"{project.image}:{tag}", check=False)
    forget_stages()


def locked_down(image: str, *words: str, user: str | None = None) -> str:
    """Run `dlr` in a container that may write nothing and do nothing."""
    rules = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host")
    who = ("--user", user) if user else ()
    return docker("run", "--rm", *rules, *who, image, *words)


def test_it_asks_a_registry(image: str, registry: RunningRegistry) -> None:
    with registry.client() as client:
        pushed = push_image(client, "from-within", "v1")
    words = ("list-registry-images", "--registry", registry.host, "-o", "json")
    for user in (None, "12345:0"):
        assert pushed.digest in locked_down(image, *words, user=user)
    assert locked_down(image, "--version") == f"dlr {__version__}\n"


def test_it_carries_the_manifests(image: str) -> None:
    assert "Roll out the registry" in locked_down(image, "deploy-kind", "--dry-run")


def test_what_it_talks_by_is_whole(image: str) -> None:
    libraries = "docker, httpx, kubernetes.client, kubernetes.config, kubernetes.dynamic, kubernetes.stream"
    docker("run", "--rm", "--entrypoint", "python3", image, "-c", f"import {libraries}")


def test_it_is_nobody_and_small(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    found, base = docker_inspect(image), docker_inspect(BASE)
    assert found["Config"]["User"] == "65532:65532", "a number, which runAsNonRoot can tell from root"
    assert found["Config"]["Entrypoint"] == ["dlr"]
    with capsys.disabled():
        sys.stdout.write(
            f"\nimage of dlr: {found['Size'] / 1e6:.0f} MB, of which {BASE} {base['Size'] / 1e6:.0f} MB\n"
        )
    assert found["Size"] - base["Size"] < LARGEST


def test_what_built_it_is_not_in_it(image: str) -> None:
    listing = docker("run", "--rm", "--entrypoint", "python3", image, "-c", "import os; print(*os.listdir('/'))")
    assert not {"src", "pip", "wheels"} & set(listing.split())
    assert "\npip" not in docker("run", "--rm", "--entrypoint", "ls", image, "/opt/dlr/bin")
