"""buildx itself, where it is here: its program is Docker's own and in no package of ours."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.engine import check_buildx
from ducklake_registry.errors import EngineError
from ducklake_registry.oci import Index
from tests.engine.conftest import docker_inspect
from tests.engine.test_build_and_push import ENGINE, REGISTRY, fails, manifest, names, tags
from tests.registry import programs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Project
    from tests.registry.programs import RunningRegistry

pytestmark = [pytest.mark.engine, pytest.mark.registry]


@pytest.fixture(autouse=True)
def _buildx(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin may be in the folder of a user's own, who the project is not."""
    try:
        check_buildx()
    except EngineError as error:
        pytest.skip(f"{error.message}; its stand-in is in tests/unit/test_buildx.py")
    found = subprocess.run(
        ["docker", "info", "--format", "json"], capture_output=True, text=True, check=True
    ).stdout
    plugins = json.loads(found)["ClientInfo"]["Plugins"]
    (folder := project.home / ".docker" / "cli-plugins").mkdir(parents=True)
    (path,) = [each["Path"] for each in plugins if each["Name"] == "buildx"]
    (folder / "docker-buildx").symlink_to(path)


def test_it_pushes_what_it_says(project: Project, registry: RunningRegistry, base: str) -> None:
    project.dockerfile("ARG WHO=nobody", "RUN echo $WHO > /who", base=base)
    words = ("build-and-push", "--registry", registry.host, "--tag", "v1", "--builder", "buildx")
    done = project.dlr(*words, "--build-arg", "WHO=me")
    assert done.returncode == 0, done.stderr
    found = manifest(registry, project, "v1")
    assert done.stdout == f"{registry.host}/{project.image}@{found.digest}\n"
    assert tags(registry, project) == ["latest", "v1"]


def test_it_loads_into_the_engine(project: Project) -> None:
    done = project.dlr("build-and-push", "--build-only", "--tag", "v1", "--builder", "buildx")
    assert done.returncode == 0, done.stderr
    assert docker_inspect(f"{project.image}:v1")["Config"]["Labels"]["dlr-test"] == project.image


def test_it_is_logged_in_as_we_are(project: Project, with_password: RunningRegistry) -> None:
    words = ("--registry", with_password.host, "--tag", "v1", "--builder", "buildx")
    given = ("build-and-push", *words, "--username", programs.USER, "--password-stdin")
    done = project.dlr(*given, stdin=f"{programs.PASSWORD}\n", VERBOSE="1")
    assert done.returncode == 0, done.stderr
    assert programs.PASSWORD not in done.stderr
    assert not (project.home / ".docker" / "config.json").exists(), "the user's own logins are as they were"
    fails(project, REGISTRY, "asks who you are", words=words)


def test_a_step_that_fails(project: Project, registry: RunningRegistry, base: str) -> None:
    project.dockerfile("RUN echo the reason >&2; exit 3", base=base)
    words = ("--registry", registry.host, "--tag", "v1", "--builder", "buildx")
    error = fails(project, ENGINE, "exit code: 3", "the reason", words=words)
    assert "Learn more" not in error.splitlines()[0]
    assert tags(registry, project) == []


def test_a_registry_that_refuses_what_is_pushed(project: Project, registry_folder: Path, tmp_path: Path) -> None:
    """The names that buildx has given the image in the engine are taken back."""
    with programs.running("3.1", registry_folder, storage=tmp_path / "storage", readonly=True) as frozen:
        words = ("--registry", frozen.host, "--tag", "v1", "--builder", "buildx")
        fails(project, ENGINE, f"cannot push {frozen.host}/{project.image}:v1", words=words)
        assert tags(frozen, project) == []
    assert names(project) == []


def test_several_platforms_or_how_to_get_a_builder_for_them(project: Project, registry: RunningRegistry) -> None:
    words = ("--registry", registry.host, "--tag", "v1", "--platform", "linux/amd64,linux/arm64")
    done = project.dlr("build-and-push", *words)
    if done.returncode:  # only some builders can, and Docker's default before 29 is none of them
        fails(project, ENGINE, "Multi-platform build is not supported", "docker buildx create", words=words)
        return
    with registry.client() as client:
        found = client.manifest(project.image, "v1")
    assert isinstance(found, Index)
    assert done.stdout.strip().endswith(found.digest)
    assert {str(each.platform) for each in found.manifests} >= {"linux/amd64", "linux/arm64"}
