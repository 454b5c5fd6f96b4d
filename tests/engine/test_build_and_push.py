"""`dlr build-and-push`, from a folder to what a real registry then has."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.docker_command import docker, docker_inspect
from tests.engine.conftest import on_each_engine
from tests.engine.looks import ENGINE, USAGE, fails, manifest, names, tags

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.engine import Engine
    from tests.engine.conftest import Project
    from tests.registry.programs import RunningRegistry

pytestmark = [pytest.mark.engine, pytest.mark.registry]


@on_each_engine
def test_what_is_built_is_in_the_registry_under_the_digest_that_is_told(
    project: Project, registry: RunningRegistry
) -> None:
    done = project.dlr("build-and-push", "--registry", registry.host, "--tag", "v1", "--tag", "v2")
    assert done.returncode == 0, done.stderr
    found = manifest(registry, project, "v1")
    assert done.stdout == f"{registry.host}/{project.image}@{found.digest}\n"
    assert tags(registry, project) == ["latest", "v1", "v2"], "latest on the local registry"
    assert manifest(registry, project, "v2").digest == manifest(registry, project, "latest").digest == found.digest
    assert found.config.digest == docker_inspect(f"{project.image}:v1")["Id"]
    assert "step 1/" in done.stderr.lower(), "the build's output is shown"


@on_each_engine
def test_the_tag_and_the_labels_are_those_of_git(project: Project, registry: RunningRegistry) -> None:
    short = project.commit()
    project.git("remote", "add", "origin", "https://me:secret@example.org/team/app.git")
    done = project.dlr("build-and-push", "--registry", registry.host, "--label", "team=lake")
    assert done.returncode == 0, done.stderr
    assert tags(registry, project) == sorted([short, "latest"])
    labels = docker_inspect(f"{project.image}:{short}")["Config"]["Labels"]
    labels.pop("io.buildah.version", None)  # Podman's own
    assert labels == {
        "dlr-test": project.image,
        "team": "lake",
        "org.opencontainers.image.version": short,
        "org.opencontainers.image.revision": project.git("rev-parse", "HEAD"),
        "org.opencontainers.image.source": "https://example.org/team/app",
        "org.opencontainers.image.created": project.git("log", "-1", "--format=%cI").replace("+00:00", "Z"),
    }
    assert "secret" not in done.stderr


def test_the_environment_names_the_tag(project: Project, registry: RunningRegistry) -> None:
    done = project.dlr("build-and-push", "--registry", registry.host, IMAGE_TAG="v3")
    assert done.returncode == 0, done.stderr
    assert tags(registry, project) == ["latest", "v3"]


def test_production_gets_no_latest(project: Project, registry: RunningRegistry) -> None:
    project.write(dlr__toml=f'image = "{project.image}"\ntag = ["v1", "v2"]\n')
    done = project.dlr("build-and-push", "--prod", PROD_REGISTRY=registry.host)
    assert done.returncode == 0, done.stderr
    assert tags(registry, project) == ["v1", "v2"]
    words = ("--registry", registry.host, "--tag", "latest")
    fails(project, USAGE, "`latest` is no tag for production", words=words, PROD_REGISTRY=registry.host)


@on_each_engine
def test_what_has_not_changed_is_neither_built_nor_pushed_again(
    project: Project, registry: RunningRegistry
) -> None:
    odd = {"a": 'it\'s "so"', "b": "$HOME \\ ${x:-y}", "c": "", "d": "é = 1", "e": "2"}
    labels = [word for name, value in odd.items() for word in ("--label", f"{name}={value}")]
    words = ("build-and-push", "--registry", registry.host, "--tag", "v1", *labels)
    first = project.dlr(*words)
    assert odd.items() <= docker_inspect(f"{project.image}:v1")["Config"]["Labels"].items()
    log = registry.log.read_text()
    started = time.monotonic()
    again = project.dlr(*words)
    took = time.monotonic() - started
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert again.stderr.count(": unchanged") == 2, again.stderr
    asked = registry.log.read_text().removeprefix(log)
    assert "PUT" not in asked
    assert "POST" not in asked
    assert took < 5, "mostly the start of Python, whatever else the machine is doing"


@on_each_engine
def test_an_image_that_is_there_gets_a_further_tag_without_being_pushed(
    project: Project, registry: RunningRegistry
) -> None:
    assert project.dlr("build-and-push", "--registry", registry.host, "--tag", "v1").returncode == 0
    docker("tag", f"{project.image}:v1", f"{project.image}:v2")
    done = project.dlr("build-and-push", "--registry", registry.host, "--push-only", "--tag", "v2")
    assert done.returncode == 0, done.stderr
    assert "there already, tagged v2" in done.stderr
    assert manifest(registry, project, "v2").digest == manifest(registry, project, "v1").digest


def test_building_and_pushing_apart(project: Project, registry: RunningRegistry) -> None:
    built = project.dlr("build-and-push", "--registry", registry.host, "--tag", "v1", "--build-only", "-o", "json")
    assert built.returncode == 0, built.stderr
    result = json.loads(built.stdout)
    assert result["names"] == [f"{project.image}:v1", f"{project.image}:latest"] == sorted(names(project))[::-1]
    assert tags(registry, project) == []
    (project.folder / "Dockerfile").unlink()
    pushed = project.dlr("build-and-push", "--registry", registry.host, "--tag", "v1", "--push-only", "-o", "json")
    assert pushed.returncode == 0, pushed.stderr
    found = manifest(registry, project, "v1")
    assert json.loads(pushed.stdout) == {
        "image": f"{registry.host}/{project.image}",
        "digest": found.digest,
        "tags": ["v1", "latest"],
        "reference": f"{registry.host}/{project.image}@{found.digest}",
        "size": found.size,
    }
    assert found.config.digest == result["id"]


def test_a_dry_run_does_nothing(project: Project, registry: RunningRegistry) -> None:
    done = project.dlr("build-and-push", "--registry", registry.host, "--tag", "v1", "--dry-run")
    assert done.stdout.splitlines() == [
        f"1. Reach the registry {registry.host}",
        f"2. Build {project.image}:v1, latest from .",
        f"3. Push {registry.host}/{project.image}:v1, latest",
    ]
    assert (names(project), tags(registry, project)) == ([], [])


def test_github_gets_outputs_and_a_summary(project: Project, registry: RunningRegistry, tmp_path: Path) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    output.write_text("earlier=1\n")
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    done = project.dlr("build-and-push", "--registry", registry.host, "--tag", "v1", **variables)
    assert done.returncode == 0, done.stderr
    digest = manifest(registry, project, "v1").digest
    image = f"{registry.host}/{project.image}"
    lines = ["earlier=1", f"digest={digest}", f"image={image}", "tags=v1,latest", f"reference={image}@{digest}"]
    assert output.read_text().splitlines() == lines
    assert f"| `{image}` | `v1`, `latest` | `{digest}` | " in summary.read_text()


# --- how it is built


def test_the_options_of_the_build(project: Project, engine: Engine, base: str) -> None:
    project.dockerfile("ARG WHO=nobody", "ARG FROM_ENV", "RUN echo $WHO $FROM_ENV > /who", "FROM other", base=base)
    text = (project.folder / "Dockerfile").read_text().replace("FROM debian", "FROM debian", 1)
    (project.folder / "Other").write_text(text.replace(f"FROM {base}", f"FROM {base} AS first"))
    words = ("--file", "Other", "--target", "first", "--build-arg", "WHO=me", "--build-arg", "FROM_ENV")
    done = project.dlr("build-and-push", "--build-only", "--tag", "v1", *words, FROM_ENV="here", VERBOSE="1")
    assert done.returncode == 0, done.stderr
    assert docker("run", "--rm", f"{project.image}:v1", "cat", "/who") == "me here\n"
    assert docker_inspect(f"{project.image}:v1")["Config"]["Labels"]["dlr-test"] == project.image


def test_no_cache_runs_every_step_anew(project: Project, base: str) -> None:
    project.dockerfile("RUN head -c 8 /dev/urandom | od > /random", base=base)
    words = ("build-and-push", "--build-only", "--tag")
    for tag, more in (("v1", []), ("v2", []), ("v3", ["--no-cache"])):
        assert project.dlr(*words, tag, *more).returncode == 0
    first, second, third = (
        docker_inspect(f"{project.image}:{tag}")["RootFS"]["Layers"] for tag in ("v1", "v2", "v3")
    )
    assert first == second != third


def test_the_platform(project: Project) -> None:
    own = docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}").strip()
    words = ("build-and-push", "--build-only", "--tag", "v1", "--builder", "engine", "--platform")
    done = project.dlr(*words, own)
    assert done.returncode == 0, done.stderr
    assert docker_inspect(f"{project.image}:v1")["Architecture"] == own.partition("/")[2]


def test_another_platform_is_built_for_or_it_is_said(project: Project) -> None:
    """Engine 20.10 can where nothing is run, but goes astray after a LABEL on `scratch`."""
    words = ("--build-only", "--tag", "v1", "--platform", "linux/s390x")
    error = fails(project, ENGINE, "linux/s390x", words=words)
    assert "hint: this engine's own builder builds for its own platform only" in error
    project.write(Dockerfile="FROM scratch\nCOPY file /file\n")
    done = project.dlr("build-and-push", "--label", f"dlr-test={project.image}", *words)
    assert done.returncode == 0, done.stderr
    assert docker_inspect(f"{project.image}:v1")["Architecture"] == "s390x"


def test_a_context_is_ignored_as_docker_ignores_it(project: Project, base: str) -> None:
    """The reference is the user's own `docker build`."""
    patterns = "# comment\n\n*.log\n!keep.log\nsecret\nsub/*\n!sub/keep\n/rooted\n**/deep\ndir/\n.git\n"
    for name in ("a.log", "keep.log", "secret", "sub/drop", "sub/keep", "sub/keep.log", "rooted", "x/rooted"):
        (path := project.folder / name).parent.mkdir(exist_ok=True)
        path.write_text(name)
    for name in ("x/deep", "deep", "dir/file", "x/dir", "ünïcode", "with space"):
        (path := project.folder / name).parent.mkdir(exist_ok=True)
        path.write_text(name)
    (project.folder / ".dockerignore").write_text(patterns)
    project.dockerfile("COPY . /context", base=base)
    assert project.dlr("build-and-push", "--build-only", "--tag", "ours").returncode == 0
    docker("build", "--quiet", "--tag", f"{project.image}:theirs", str(project.folder))

    def listing(tag: str) -> list[str]:
        return docker("run", "--rm", f"{project.image}:{tag}", "find", "/context").splitlines()

    assert sorted(listing("ours")) == sorted(listing("theirs"))
    assert "/context/sub/keep" in listing("ours")


def test_a_dockerfile_from_elsewhere(project: Project, tmp_path: Path, base: str) -> None:
    project.dockerfile("COPY . /context", base=base)
    (project.folder / "Dockerfile").rename(tmp_path / "Elsewhere")
    words = ("build-and-push", "--build-only", "--tag", "v1", "--file", str(tmp_path / "Elsewhere"))
    first = project.dlr(*words)
    assert first.returncode == 0, first.stderr
    assert docker("run", "--rm", f"{project.image}:v1", "ls", "-A", "/context").split() == [
        ".dlr.Dockerfile",
        "file",
    ]
    assert ": unchanged" in project.dlr(*words).stderr


# --- what goes wrong
