"""buildx itself, where it is here: its program is Docker's own and in no package of ours."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.oci import Index, Manifest
from tests.docker_command import docker, docker_inspect
from tests.engine.looks import ENGINE, REGISTRY, fails, manifest, names, tags, wait_until
from tests.registry import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.conftest import Project
    from tests.registry.programs import RunningRegistry

pytestmark = [pytest.mark.engine, pytest.mark.registry]


HOW_TO_HAVE_IT = "see bootstrap/README.md"


@pytest.fixture(autouse=True)
def _buildx(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin may be in the folder of a user's own, who the project is not."""
    path = programs.find("docker-buildx") or _plugin()
    if path is None:
        pytest.skip(f"there is no docker-buildx: {HOW_TO_HAVE_IT}; its stand-in is in tests/unit/test_buildx.py")
    (folder := project.home / ".docker" / "cli-plugins").mkdir(parents=True)
    (folder / "docker-buildx").symlink_to(path)


def _plugin() -> str | None:
    """Where Docker's own command line has found it."""
    plugins = json.loads(docker("info", "--format", "json"))["ClientInfo"]["Plugins"]
    return next((each["Path"] for each in plugins or () if each["Name"] == "buildx"), None)


@pytest.fixture(scope="module")
def buildkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a builder for several platforms: the daemon itself, since its image cannot be pulled here."""
    program = programs.find("buildkitd")
    if program is None or os.geteuid() != 0 or not shutil.which("runc"):
        pytest.skip(f"there is no buildkitd, no runc, or this is not root: {HOW_TO_HAVE_IT}")
    # A socket's path may have 108 bytes, and pytest's folders take most of them.
    folder = Path(tempfile.mkdtemp(prefix="buildkit-"))
    address, log = f"unix://{folder}/socket", folder / "log"
    words = [program, "--addr", address, "--root", str(folder / "root"), "--oci-worker-snapshotter=native"]
    with log.open("w") as output:
        daemon = subprocess.Popen(words, stdout=output, stderr=output)
    try:
        wait_until(lambda: (folder / "socket").exists() or daemon.poll() is not None, 30)
        assert daemon.poll() is None, log.read_text()
        yield address
    finally:
        daemon.terminate()
        daemon.wait(20)
        shutil.rmtree(folder)


@pytest.fixture
def builder(project: Project, buildkit: str) -> None:
    """That builder is the project's own choice, as `docker buildx create --use` makes it."""
    words = ["docker", "buildx", "create", "--name", "platforms", "--use", "--driver", "remote", buildkit]
    subprocess.run(words, env=project.environ, check=True, capture_output=True)


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


PLATFORMS = ("--platform", "linux/amd64,linux/arm64")


def test_one_image_for_several_platforms(project: Project, registry: RunningRegistry, builder: None) -> None:
    """What each of them runs is there, the digest is the index's, and the same again is the same image."""
    project.write(Dockerfile="FROM scratch\nARG TARGETARCH\nCOPY of-$TARGETARCH /arch\n")
    for architecture in ("amd64", "arm64"):
        (project.folder / f"of-{architecture}").write_text(architecture)
    words = ("build-and-push", "--registry", registry.host, "--tag", "v1", "--label", "team=lake", *PLATFORMS)
    done = project.dlr(*words)
    assert done.returncode == 0, done.stderr
    with registry.client() as client:
        found = client.manifest(project.image, "v1")
        assert isinstance(found, Index)
        assert done.stdout == f"{registry.host}/{project.image}@{found.digest}\n"
        assert client.head_manifest(project.image, "latest").digest == found.digest
        assert [str(each.platform) for each in found.manifests] == ["linux/amd64", "linux/arm64"]
        for each in found.manifests:
            image = client.manifest(project.image, each.digest)
            assert isinstance(image, Manifest)
            (layer,) = image.layers
            with tarfile.open(fileobj=io.BytesIO(b"".join(client.blob(project.image, layer.digest)))) as layers:
                (member,) = layers.getmembers()
                content = layers.extractfile(member)
                assert content
                assert (member.name, content.read().decode()) == ("arch", str(each.platform).rpartition("/")[2])
            config = json.loads(b"".join(client.blob(project.image, image.config.digest)))
            assert config["config"]["Labels"]["team"] == "lake"
    listed = project.dlr("list-registry-images", project.image, "--registry", registry.host, "-o", "json")
    assert {tuple(each["platforms"]) for each in json.loads(listed.stdout)} == {("linux/amd64", "linux/arm64")}

    again = project.dlr(*words)
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout
    assert re.search(r"with buildx: unchanged", again.stderr), again.stderr


def test_the_platform_of_choice_can_be_pulled(project: Project, registry: RunningRegistry, builder: None) -> None:
    project.write(Dockerfile="FROM scratch\nCOPY file /file\n")
    words = ("build-and-push", "--registry", registry.host, "--tag", "v1", "--label", f"dlr-test={project.image}")
    assert project.dlr(*words, *PLATFORMS).returncode == 0
    pull = ("pull-from-registry", f"{project.image}:v1", "--registry", registry.host, "--platform", "linux/arm64")
    done = project.dlr(*pull)
    assert done.returncode == 0, done.stderr
    assert docker_inspect(f"{project.image}:v1")["Architecture"] == "arm64"


def test_a_step_that_fails_for_one_of_several(project: Project, registry: RunningRegistry, builder: None) -> None:
    project.write(Dockerfile="FROM scratch\nARG TARGETARCH\nCOPY of-$TARGETARCH /arch\n")
    (project.folder / "of-amd64").write_text("amd64")
    words = ("--registry", registry.host, "--tag", "v1", *PLATFORMS)
    fails(project, ENGINE, "/of-arm64", "not found", words=words)
    assert tags(registry, project) == []


def test_a_builder_for_one_platform_only(project: Project, registry: RunningRegistry) -> None:
    """Docker's own is such a one unless it has containerd's image store: then there is nothing to be told."""
    words = ("--registry", registry.host, "--tag", "v1", *PLATFORMS)
    if "containerd" in docker("info", "--format", "{{.DriverStatus}}"):
        pytest.skip("this engine's builder builds for several platforms")
    fails(project, ENGINE, "Multi-platform build is not supported", "docker buildx create", words=words)
