"""`dlr build-and-push` where something is wrong: one clear error, and nothing half done."""

from __future__ import annotations

import os
import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import TimeoutExpired
from ducklake_registry.reference import Repository, Tag
from ducklake_registry.registry import RegistryClient
from ducklake_registry.step import silent
from ducklake_registry.workflows.build_and_push import ImageNames, PushImage
from tests.engine.conftest import on_each_engine
from tests.engine.looks import ENGINE, REGISTRY, USAGE, fails, manifest, names, tags, wait_until
from tests.registry import programs

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.engine import Engine
    from tests.engine.conftest import Project
    from tests.registry.programs import RunningRegistry

pytestmark = [pytest.mark.engine, pytest.mark.registry]


@on_each_engine
def test_a_step_that_fails(project: Project, registry: RunningRegistry, base: str) -> None:
    project.dockerfile("RUN echo first", "RUN echo the reason >&2; exit 3", "RUN echo never", base=base)
    error = fails(
        project,
        ENGINE,
        "step 4/",
        "(RUN echo the reason >&2; exit 3)",
        "\n  the reason\n",
        words=("--registry", registry.host, "--tag", "v1"),
    )
    assert "first" not in error
    assert re.search(r"(code:|status) 3", error)
    assert tags(registry, project) == []


@on_each_engine
def test_a_dockerfile_that_is_none(project: Project, registry: RunningRegistry) -> None:
    project.write(Dockerfile="FROM scratch\nBAKE bread\n")
    said = ("BAKE", "hint: mend it in the Dockerfile")
    fails(project, ENGINE, *said, words=("--registry", registry.host, "--tag", "v1"))


@on_each_engine
@pytest.mark.parametrize(
    ("steps", "said", "hint"),
    [
        (["FROM localhost:1/nobody/none:v9"], "localhost:1", "see what `docker pull` says of it"),
        (["FROM scratch", "COPY gone /gone"], "gone", ".dockerignore may leave it out"),
    ],
)
def test_a_step_whose_source_is_not_there(
    project: Project, registry: RunningRegistry, steps: list[str], said: str, hint: str
) -> None:
    project.write(Dockerfile="\n".join(steps) + "\n")
    words = ("--registry", registry.host, "--tag", "v1")
    fails(project, ENGINE, f"({steps[-1]})", said, "\nhint: ", hint, words=words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], ["cannot build nowhere: nothing there"]),
        (["file"], ["cannot build file: no folder"]),
        (["--file", "Other"], ["there is no Other", "--file"]),
        (["--tag", "not a tag"], ["'not a tag' is no tag"]),
        (["--image", "UPPER"], ["'UPPER' is no repository"]),
        (["--platform", "linux"], ["'linux' is no platform"]),
        (["--label", "nothing"], ["'nothing' is no label"]),
        (["--build-only", "--push-only"], ["leave nothing to do"]),
        (["--prod"], ["nobody says", "PROD_REGISTRY"]),
        (
            ["--prod", "--prod-registry", "registry.example.com", "--tag", "latest"],
            ["`latest` is no tag for production"],
        ),
        (["--builder", "engine", "--platform", "linux/amd64,linux/arm64"], ["builds for one platform"]),
    ],
)
def test_what_cannot_be_meant(project: Project, words: list[str], said: list[str]) -> None:
    given = () if "--tag" in words else ("--tag", "v1")
    fails(project, USAGE, *said, words=(*words, *given))


def test_no_git_and_no_tag(project: Project) -> None:
    fails(project, USAGE, "no tag for the image: git has none (not a git repository", "--tag", words=())


def test_an_image_that_was_not_built(project: Project, registry: RunningRegistry) -> None:
    said = f"the engine has no image {project.image}:v1"
    fails(project, ENGINE, said, words=("--registry", registry.host, "--push-only", "--tag", "v1"))


def test_no_engine(project: Project, registry: RunningRegistry) -> None:
    words = ("--registry", registry.host, "--tag", "v1")
    fails(
        project, ENGINE, "the Docker Engine does not answer", "docker info", words=words, DOCKER_HOST="unix:///no"
    )


def test_no_buildx(project: Project, registry: RunningRegistry, tmp_path: Path) -> None:
    (empty := tmp_path / "bin").mkdir()
    words = ("--registry", registry.host, "--tag", "v1", "--platform", "linux/amd64,linux/arm64")
    fails(project, ENGINE, "`docker buildx` is not here", "hint: install it", words=words, PATH=str(empty))


def test_no_registry(project: Project, tmp_path: Path) -> None:
    """That is found out before the build."""
    host = f"localhost:{programs.free_port()}"
    error = fails(project, REGISTRY, f"cannot reach {host}", "hint: ", words=("--registry", host, "--tag", "v1"))
    assert "Step" not in error


@on_each_engine
def test_credentials(project: Project, with_password: RunningRegistry) -> None:
    words = ("--registry", with_password.host, "--tag", "v1")
    fails(project, REGISTRY, "asks who you are", f"docker login {with_password.host}", words=words)
    given = ("build-and-push", *words, "--username", programs.USER, "--password-stdin")
    refused = project.dlr(*given, stdin="wrong horse\n")
    assert refused.returncode == REGISTRY
    assert f"does not accept the password of {programs.USER}" in refused.stderr
    assert "wrong horse" not in refused.stderr
    done = project.dlr(*given, stdin=f"{programs.PASSWORD}\n", VERBOSE="1")
    assert done.returncode == 0, done.stderr
    assert programs.PASSWORD not in done.stderr
    assert f"{with_password.host}/{project.image}:v1" in names(project)


@on_each_engine
def test_a_registry_that_is_killed_in_mid_push_and_started_again(
    project: Project, engine: Engine, registry_folder: Path, tmp_path: Path
) -> None:
    (project.folder / "file").write_bytes(os.urandom(60_000_000))
    port, storage = programs.free_port(), tmp_path / "storage"
    words = ("build-and-push", "--registry", f"localhost:{port}", "--tag", "v1")
    result: list[object] = []
    with programs.running("3.1", registry_folder, storage=storage, port=port):
        thread = threading.Thread(target=lambda: result.append(project.dlr(*words)))
        thread.start()
        wait_until(lambda: sum(path.stat().st_size for path in storage.rglob("data")) > 1_000_000)
    assert not any("/_manifests/" in str(path) for path in storage.rglob("*")), "the push is not done"
    time.sleep(0.5)
    with programs.running("3.1", registry_folder, storage=storage, port=port) as registry:
        thread.join()
        (done,) = result
        assert getattr(done, "returncode", None) == 0, done
        assert tags(registry, project) == ["latest", "v1"]
        found = manifest(registry, project, "v1")
        with registry.client() as client:
            assert client.head_blob(project.image, found.layers[0].digest).size == found.layers[0].size


@on_each_engine
def test_a_registry_whose_disk_is_full(project: Project, registry_folder: Path, tmp_path: Path) -> None:
    (project.folder / "file").write_bytes(os.urandom(20_000_000))
    with programs.running("3.1", registry_folder, storage=tmp_path / "storage", room="8m") as small:
        words = ("--registry", small.host, "--tag", "v1")
        fails(
            project,
            ENGINE,
            f"cannot push {small.host}/{project.image}:v1",
            "volume may be full",
            words=words,
            kept=["v1", "latest"],
        )
        assert "no space left on device" in small.log.read_text()
        assert tags(small, project) == []


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_registry_that_goes_before_the_push(
    project: Project, engine: Engine, registry_folder: Path, tmp_path: Path, comes_back: bool
) -> None:
    assert project.dlr("build-and-push", "--build-only", "--tag", "v1").returncode == 0
    port, storage, before = programs.free_port(), tmp_path / "storage", names(project)
    image = ImageNames(Repository(project.image), (Tag("v1"), Tag("latest")))
    with RegistryClient(f"localhost:{port}", auth=None) as client:
        reach, push = PushImage(engine, client, image, patience=30 if comes_back else 0.5).steps()
        with programs.running("3.1", registry_folder, storage=storage, port=port):
            assert reach.run(silent) == "answers"
        if not comes_back:
            with pytest.raises(TimeoutExpired, match=f"last seen: cannot reach localhost:{port}"):
                push.run(silent)
            assert names(project) == before, "the names that were given for the push are taken back"
            return
        outcome: list[str] = []
        thread = threading.Thread(target=lambda: outcome.append(push.run(silent)))
        thread.start()
        time.sleep(2.5)
        with programs.running("3.1", registry_folder, storage=storage, port=port) as registry:
            thread.join()
            assert outcome == ["pushed"]
            assert tags(registry, project) == ["latest", "v1"]
