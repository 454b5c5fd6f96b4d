"""`dlr` as it is installed: from the wheel and the sdist, by uv and pipx, on each Python that is here."""

from __future__ import annotations

import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ducklake_registry import __version__
from tests.packaging.build_context import ROOT
from tests.packaging.conftest import Place, find_python, tool
from tests.registry.images import push_image

if TYPE_CHECKING:
    from tests.registry.programs import RunningRegistry

CONSTRAINTS = ROOT / "constraints.txt"
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]

CARRIES = """
import ducklake_registry
from ducklake_registry.manifests import registry_objects
from ducklake_registry.manifests.files import data_folder
print(ducklake_registry.__file__)
print(*(each["kind"] for each in registry_objects()))
print(*sorted(each.name for each in data_folder("kind").iterdir()))
"""


def works(place: Place, dlr: Path, registry: RunningRegistry) -> None:
    """See that an installed `dlr` does its work: what needs no other, a registry, what it carries along."""
    assert place.run(dlr, "--version") == f"dlr {__version__}\n"
    assert "Make a kind cluster" in place.run(dlr, "--help")
    assert "Roll out the registry" in place.run(dlr, "deploy-kind", "--dry-run")
    listed = json.loads(place.run(dlr, "list-registry-images", "--registry", registry.host, "-o", "json"))
    assert "packaged" in json.dumps(listed)


def carries_its_files(place: Place, python: Path) -> None:
    where, kinds, kind = place.run(python, "-c", CARRIES).splitlines()
    assert str(ROOT) not in where
    assert kinds.split() == ["Namespace", "ConfigMap", "PersistentVolumeClaim", "Deployment", "Service", "Service"]
    assert kind.split() == sorted(each.name for each in (ROOT / "kind").iterdir())


@pytest.fixture(autouse=True, scope="module")
def _something_to_list(registry: RunningRegistry) -> None:
    with registry.client() as client:
        push_image(client, "packaged", "v1")


@pytest.mark.parametrize("version", PYTHONS)
def test_the_wheel_works(version: str, built: tuple[Path, Path], place: Place, registry: RunningRegistry) -> None:
    if (python := find_python(version)) is None:
        pytest.skip(f"no Python {version} is here; the workflow in .github tests all of them")
    venv = place.folder / "venv"
    place.uv("venv", "--quiet", "--python", python, venv)
    place.uv("pip", "install", "--quiet", "--python", venv, "--constraint", CONSTRAINTS, built[1])
    works(place, venv / "bin" / "dlr", registry)
    carries_its_files(place, venv / "bin" / "python")


def test_the_sdist_works(built: tuple[Path, Path], place: Place, registry: RunningRegistry) -> None:
    venv = place.folder / "venv"
    place.uv("venv", "--quiet", "--python", sys.executable, venv)
    place.uv("pip", "install", "--quiet", "--python", venv, "--constraint", CONSTRAINTS, built[0])
    works(place, venv / "bin" / "dlr", registry)
    carries_its_files(place, venv / "bin" / "python")


def test_the_lowest_versions_that_it_asks_for_work(
    built: tuple[Path, Path], place: Place, registry: RunningRegistry
) -> None:
    venv = place.folder / "venv"
    place.uv("venv", "--quiet", "--python", sys.executable, venv)
    place.uv("pip", "install", "--quiet", "--python", venv, "--resolution", "lowest-direct", built[1])
    works(place, venv / "bin" / "dlr", registry)


def test_as_a_tool_of_uv(built: tuple[Path, Path], place: Place, registry: RunningRegistry) -> None:
    tools = {"UV_TOOL_DIR": str(place.folder / "tools"), "UV_TOOL_BIN_DIR": str(place.folder / "bin")}
    place.uv("tool", "install", "--quiet", "--python", sys.executable, built[1], **tools)
    works(place, place.folder / "bin" / "dlr", registry)


def test_by_pipx(built: tuple[Path, Path], place: Place, registry: RunningRegistry) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{place.environ['PATH']}"
    own = {"PIPX_HOME": str(place.folder / "pipx"), "PIPX_BIN_DIR": str(place.folder / "bin"), "PATH": path}
    tool(
        "pipx", "install", "--python", sys.executable, str(built[1]), environ=place.environ | own, cwd=place.folder
    )
    works(place, place.folder / "bin" / "dlr", registry)


def test_the_wheel_has_what_is_needed_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
        for folder in ("manifests", "kind"):
            for file in (ROOT / folder).iterdir():
                assert wheel.read(f"ducklake_registry/_data/{folder}/{file.name}") == file.read_bytes()
        assert {name.partition("/")[0] for name in names} == {
            "ducklake_registry",
            f"ducklake_registry-{__version__}.dist-info",
        }
        assert "ducklake_registry/py.typed" in names
        assert f"ducklake_registry-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_sdist_has_the_tests_too(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        names = {each.partition("/")[2] for each in sdist.getnames()}
    assert {
        "tests/packaging/test_install.py",
        "constraints.txt",
        "manifests/00-namespace.yaml",
        "Dockerfile",
    } <= names
