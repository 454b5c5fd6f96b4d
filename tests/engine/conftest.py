"""The real engine, real registries, and a project to build; nothing of it is left in the engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.engine import Engine
from ducklake_registry.errors import EngineError
from tests.docker_command import docker, forget_images
from tests.registry import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.registry.programs import RunningRegistry

BASE = "debian:bookworm-slim"
_KEPT = {"PATH", "LANG", "LC_ALL", "DOCKER_HOST", "VIRTUAL_ENV"}


def _missing_or_fail(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"CI must run these tests, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def _engine_answers() -> None:
    with closing(Engine()) as engine:
        try:
            engine.version()
        except EngineError as error:
            _missing_or_fail(error.message)


@pytest.fixture(scope="session")
def podman() -> Iterator[str]:
    """Podman's socket, which speaks as Docker's does; what it keeps is in a folder of its own."""
    if shutil.which("podman") is None or os.geteuid() != 0:
        _missing_or_fail("podman is not installed, or this is not root")
    # pytest's own folders have longer names than podman takes for the one that it runs in.
    folder = Path(tempfile.mkdtemp(prefix="podman-"))
    # It would speak TLS to the registries of this machine otherwise.
    (folder / "registries.conf").write_text('[[registry]]\nlocation = "localhost"\ninsecure = true\n')
    runtime = ["--runtime", "runc", "--cgroup-manager", "cgroupfs"] if shutil.which("runc") else []
    command = ["podman", *runtime, "--root", str(folder / "root"), "--runroot", str(folder / "run")]
    socket = f"unix://{folder}/podman.sock"
    environ = os.environ | {"CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf")}
    with (folder / "log").open("w") as log:
        service = subprocess.Popen(
            [*command, "system", "service", "--time=0", socket], env=environ, stdout=log, stderr=log
        )
    try:
        _await_podman(folder)
        _copy_base(socket)
        yield socket
    finally:
        service.terminate()
        service.wait(20)
        subprocess.run(["umount", folder / "root" / "overlay"], capture_output=True, check=False)
        shutil.rmtree(folder)


def _await_podman(folder: Path) -> None:
    end = time.monotonic() + 30
    while not (folder / "podman.sock").exists():
        assert time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.05)


def _copy_base(socket: str) -> None:
    with closing(Engine()) as engine:
        there = engine.image_id(BASE)
    if there:
        with subprocess.Popen(["docker", "save", BASE], stdout=subprocess.PIPE) as saving:
            subprocess.run(
                ["docker", "--host", socket, "load"], stdin=saving.stdout, check=True, capture_output=True
            )


@pytest.fixture
def socket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which engine the test is about: Docker, unless it is one of those that are made `on_each_engine`."""
    if getattr(request, "param", "docker") == "podman":
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("podman"))


on_each_engine = pytest.mark.parametrize("socket", ["docker", "podman"], indirect=True)


@pytest.fixture
def engine(_engine_answers: None, socket: None) -> Iterator[Engine]:
    with closing(Engine()) as engine:
        yield engine


@pytest.fixture
def base(engine: Engine) -> str:
    """An image in which a RUN step can run; the tests pull nothing."""
    if engine.image_id(BASE) is None:
        _missing_or_fail(f"the engine has no {BASE}")
    return BASE


@dataclass(frozen=True, slots=True)
class Project:
    """A folder to build, an image name that nobody else has, and `dlr` in surroundings of its own."""

    folder: Path
    image: str
    home: Path

    def write(self, **files: str) -> None:
        """Write files; `__` in their names is a dot."""
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)

    def dockerfile(self, *steps: str, base: str = "scratch") -> None:
        """Write a Dockerfile whose images, also those of steps that fail after, can be found again."""
        lines = [f"FROM {base}", f"LABEL dlr-test={self.image}", *steps]
        (self.folder / "Dockerfile").write_text("\n".join(lines) + "\n")

    def dlr(self, *words: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `dlr` in the folder, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "ducklake_registry", *words],
            env=self.environ | variables,
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in _KEPT}
        return kept | {"HOME": str(self.home), "DLR_IMAGE": self.image, "COLUMNS": "200"}

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(self.folder))
        return subprocess.run(
            ["git", *who, *words], env=self.environ, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self) -> str:
        """Make the folder a checkout without changes, and return the commit's short hash."""
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=one")
        return self.git("rev-parse", "--short", "HEAD")


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Iterator[Project]:
    (folder := tmp_path / "project").mkdir()
    (home := tmp_path / "home").mkdir()
    project = Project(folder, f"dlr-test-{uuid.uuid4().hex[:8]}", home)
    project.write(file="content\n")
    project.dockerfile("COPY file /file")
    yield project
    _remove(project.image)


def _remove(image: str) -> None:
    """Remove all that the tests made of an image: what is called so, and what was built and has no name."""
    forget_images(image)
    for each in docker("images", "--all", "--quiet", "--filter", f"label=dlr-test={image}").split():
        docker("rmi", "--force", each, check=False)  # it may have gone with another


@pytest.fixture(scope="session")
def registry_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if programs.find_program("3.1") is None:
        _missing_or_fail("there is no program of distribution 3.1")
    return tmp_path_factory.mktemp("registries")


@pytest.fixture(scope="session")
def registry(registry_folder: Path) -> Iterator[RunningRegistry]:
    with programs.running("3.1", registry_folder) as registry:
        yield registry


@pytest.fixture(scope="session")
def with_password(registry_folder: Path) -> Iterator[RunningRegistry]:
    (file := registry_folder / "htpasswd").write_text(programs.HTPASSWD)
    auth = {"htpasswd": {"realm": "tests", "path": str(file)}}
    with programs.running("3.1", registry_folder, storage=registry_folder / "password", auth=auth) as registry:
        yield registry
