"""What is built of this checkout, once for all tests of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import _engine_answers  # noqa: F401
from tests.packaging.build_context import ROOT
from tests.registry import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.registry.programs import RunningRegistry

OURS = ("DLR_", "VIRTUAL_ENV", "PYTHON", "UV_", "PIPX_", "XDG_")
"""What the surroundings of these tests must not have of ours, but where packages come from."""


def surroundings(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of this checkout or its .venv is found."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(OURS) or name == "UV_INDEX_URL"
    }
    own = str(Path(sys.executable).parent)
    path = os.pathsep.join(each for each in kept["PATH"].split(os.pathsep) if each != own)
    return kept | {
        "HOME": str(home),
        "PATH": path,
        "UV_PYTHON_DOWNLOADS": "never",
        "DOCKER_HOST": "unix:///nowhere",
    }


def tool(name: str, *words: str | Path, environ: dict[str, str], cwd: Path) -> str:
    """Run one of the programs of our own .venv to its end, and return what it says."""
    done = subprocess.run(
        [Path(sys.executable).with_name(name), *words],
        env=environ,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that has nothing to do with this checkout, and surroundings that know nothing of it."""

    folder: Path
    environ: dict[str, str]

    def run(self, *words: str | Path, **variables: str) -> str:
        done = subprocess.run(
            words,
            env=self.environ | variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def uv(self, *words: str | Path, **variables: str) -> str:
        return tool("uv", *words, environ=self.environ | variables, cwd=self.folder)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv's cache, so that each package is fetched once."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Place:
    (home := tmp_path / "home").mkdir()
    (folder := tmp_path / "elsewhere").mkdir()
    return Place(folder, surroundings(home) | {"UV_CACHE_DIR": str(cache)})


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it, as a package index would get them."""
    folder = tmp_path_factory.mktemp("dist")
    environ = surroundings(folder) | {"UV_CACHE_DIR": str(cache)}
    tool("uv", "build", "--quiet", "--out-dir", folder, str(ROOT), environ=environ, cwd=folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    if programs.find_program("3.1") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run these tests, but there is no program of distribution 3.1")
        pytest.skip("there is no program of distribution 3.1")
    with programs.running("3.1", tmp_path_factory.mktemp("registry")) as registry:
        yield registry


def find_python(version: str) -> str | None:
    """Return an interpreter of a version, if the machine has one that runs."""
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    for each in filter(None, [shutil.which(f"python{version}"), *map(str, pyenv)]):
        done = subprocess.run([each, "-c", "import venv"], capture_output=True, check=False)
        if done.returncode == 0:
            return each
    return None
