"""What the tests of builds and pushes look at: the registry, the engine, and how a command has failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ducklake_registry.errors import NotFound
from ducklake_registry.oci import Manifest
from tests.docker_command import docker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.engine.conftest import Project
    from tests.registry.programs import RunningRegistry

USAGE, REGISTRY, ENGINE, TIMEOUT = 2, 4, 5, 6


def tags(registry: RunningRegistry, project: Project) -> list[str]:
    """The tags in the registry; none where it does not know the repository."""
    with registry.client() as client:
        try:
            return sorted(client.tags(project.image))
        except NotFound:
            return []


def manifest(registry: RunningRegistry, project: Project, tag: str) -> Manifest:
    with registry.client() as client:
        found = client.manifest(project.image, tag)
    assert isinstance(found, Manifest)
    return found


def names(project: Project) -> list[str]:
    """The engine's names for images of the project."""
    found = docker("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    return sorted(name for name in found if project.image in name)


def fails(
    project: Project, code: int, *said: str, words: tuple[str, ...], kept: Sequence[str] = (), **variables: str
) -> str:
    """See that `dlr` ends with one error, and with no new name in the engine but those of what was built."""
    before = sorted({*names(project), *(f"{project.image}:{tag}" for tag in kept)})
    done = project.dlr("build-and-push", *words, **variables)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\nerror: ") + done.stderr.startswith("error: ") == 1
    assert "Traceback" not in done.stderr
    error = done.stderr[done.stderr.index("error: ") :]
    for each in said:
        assert each in error
    assert names(project) == before
    return error


def wait_until(condition: object, seconds: float = 60) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
