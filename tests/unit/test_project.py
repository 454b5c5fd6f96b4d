"""What a project's `[environment]` may say, and how a mistake in it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import UsageError
from ducklake_registry.oci import Platform
from ducklake_registry.project import Environment, read_environment
from ducklake_registry.settings import find_project_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "backend").mkdir()
    for file in ("Dockerfile", "backend/Dockerfile", "backend/prod.Dockerfile", "deploy/app.yaml"):
        (tmp_path / file).write_text("")
    return tmp_path


def read(folder: Path, text: str, name: str = "dlr.toml") -> Environment | None:
    (folder / name).write_text(text)
    return read_environment(find_project_file(folder))


WHOLE = """
[environment]
manifests = ["deploy/", "deploy/app.yaml"]

[[environment.build]]
image = "team/backend"
context = "backend"
file = "backend/prod.Dockerfile"
target = "runtime"
build-args = { VERSION = "1" }
labels = { team = "lake" }
platform = ["linux/amd64", "linux/arm64"]
pull = true
no-cache = true

[[environment.build]]
image = "job"
"""


def test_all_that_can_be_said(folder: Path) -> None:
    found = read(folder, WHOLE)
    assert found
    assert found.manifests == (folder / "deploy", folder / "deploy" / "app.yaml")
    assert [found.title(each) for each in found.manifests] == ["deploy", "deploy/app.yaml"]
    backend, job = found.builds
    assert (backend.image, backend.context) == ("team/backend", folder / "backend")
    assert (backend.file, backend.target) == (folder / "backend" / "prod.Dockerfile", "runtime")
    assert (backend.build_args, backend.labels) == ({"VERSION": "1"}, {"team": "lake"})
    assert backend.platforms == (Platform("linux", "amd64"), Platform("linux", "arm64"))
    assert (backend.pull, backend.no_cache) == (True, True)
    assert (job.context, job.file, job.platforms) == (folder, folder / "Dockerfile", ())
    assert "VERSION" not in repr(backend), "the values may be secrets"


def test_in_pyproject_too(folder: Path) -> None:
    text = '[tool.dlr]\ntimeout = "1m"\n[tool.dlr.environment]\nmanifests = "deploy"\n'
    found = read(folder, text, "pyproject.toml")
    assert found
    assert found.manifests == (folder / "deploy",)


def test_production_may_have_manifests_of_its_own(folder: Path) -> None:
    same = read(folder, '[environment]\nmanifests = "deploy"\n')
    assert same
    assert same.in_production().manifests == (folder / "deploy",)
    own = read(folder, '[environment]\nmanifests = "deploy"\nprod-manifests = ["deploy/app.yaml"]\n')
    assert own
    assert own.manifests == (folder / "deploy",)
    assert own.in_production().manifests == (folder / "deploy" / "app.yaml",)
    with pytest.raises(UsageError, match=r"environment\.prod_manifests names nothing that is there: .*/nowhere"):
        read(folder, '[environment]\nmanifests = "deploy"\nprod-manifests = "nowhere"\n')


@pytest.mark.parametrize("text", ["", 'timeout = "1m"\n'])
def test_none_is_none(text: str, folder: Path) -> None:
    assert read(folder, text) is None


def test_no_file_is_no_environment(folder: Path) -> None:
    assert read_environment(find_project_file(folder)) is None


BUILD = '[[environment.build]]\nimage = "app"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("environment = 3", "environment is no table"),
        ("[environment]\n", "[environment] lists neither manifests nor build"),
        ("[environment]\nmanifests = 3\n", "environment.manifests is no list of texts"),
        ("[environment]\nmanifests = [3]\n", "environment.manifests is no list of texts"),
        ('[environment]\nmanifests = [""]\n', "environment.manifests is no list of texts"),
        ('[environment]\nmanifests = ["nope"]\n', "environment.manifests names nothing that is there: "),
        ('[environment]\nmanifest = ["deploy"]\n', "environment.manifest: there is no such key"),
        ("[environment]\nbuild = 3\n", "environment.build is no list of tables"),
        ("[environment]\nbuild = [3]\n", "environment.build is no table"),
        ("[environment.build]\nimage = 'a'\n", "environment.build is no list of tables"),
        ("[[environment.build]]\n", "environment.build.image of number 1 is missing"),
        ("[[environment.build]]\nimage = ''\n", "environment.build.image of number 1 is empty"),
        ("[[environment.build]]\nimage = 3\n", "environment.build.image of number 1 is no text"),
        (
            f"{BUILD}[[environment.build]]\nimage = 'B'\n",
            "environment.build.image of number 2: 'B' is no repository",
        ),
        ("[[environment.build]]\nimage = 'localhost:5000/a'\n", "is no repository"),
        (f"{BUILD}context = 'nope'\n", "environment.build.context of app names no folder: "),
        (f"{BUILD}context = 'Dockerfile'\n", "environment.build.context of app names no folder: "),
        (f"{BUILD}context = 'deploy'\n", "environment.build.context of app has no Dockerfile in it: "),
        (f"{BUILD}context = ''\n", "environment.build.context of app is empty"),
        (f"{BUILD}file = 'nope'\n", "environment.build.file of app names no file: "),
        (f"{BUILD}file = 'deploy'\n", "environment.build.file of app names no file: "),
        (f"{BUILD}target = 3\n", "environment.build.target of app is no text"),
        (f"{BUILD}build-args = ['A=1']\n", "environment.build.build_args of app is no table"),
        (f"{BUILD}build-args = {{A = 1}}\n", "environment.build.build_args.A of app is no text"),
        (f"{BUILD}labels = 'a=b'\n", "environment.build.labels of app is no table"),
        (f"{BUILD}platform = 'linux'\n", "environment.build.platform of app: 'linux' is no platform"),
        (f"{BUILD}pull = 'yes'\n", "environment.build.pull of app is neither true nor false"),
        (f"{BUILD}no_cache = 1\n", "environment.build.no_cache of app is neither true nor false"),
        (f"{BUILD}tag = 'v1'\n", "environment.build.tag of app: there is no such key"),
        (f"{BUILD}{BUILD}", "environment.build lists app twice"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(text: str, said: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(folder, text)
    assert caught.value.message.startswith(f"{folder}/dlr.toml: ")
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"{BUILD}contxt = '.'\n", "did you mean context?"),
        (f"{BUILD}zzz = '.'\n", "those that there are: image, context, file, "),
        ("[environment]\nmanifest = ['deploy']\n", "did you mean manifests?"),
    ],
)
def test_an_unknown_key_and_what_was_meant(text: str, hint: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(folder, text)
    assert caught.value.hint
    assert caught.value.hint.startswith(hint)


def test_which_build_is_meant(folder: Path) -> None:
    one = read(folder, BUILD)
    assert one
    assert one.build(None) == one.build("app") == one.builds[0]
    assert one.build("other") is None
    several = read(folder, WHOLE)
    assert several
    assert several.build("job") == several.builds[1]
    with pytest.raises(UsageError, match="lists several images") as caught:
        several.build(None)
    assert caught.value.hint == "name one of them with --image: team/backend, job"
