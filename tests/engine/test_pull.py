"""`dlr pull-from-registry`, from a real registry into the real engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.oci import Platform
from tests.docker_command import docker, docker_inspect
from tests.engine.conftest import on_each_engine
from tests.engine.looks import names
from tests.registry import programs
from tests.registry.images import push_image, push_index

if TYPE_CHECKING:
    from tests.engine.conftest import Project
    from tests.registry.programs import RunningRegistry

pytestmark = [pytest.mark.engine, pytest.mark.registry]

MISSING, USAGE, REGISTRY = 1, 2, 4


@on_each_engine
def test_an_image_is_pulled_by_its_digest_and_named(project: Project, registry: RunningRegistry) -> None:
    with registry.client() as client:
        pushed = push_image(client, project.image, "v1")
    full, short = f"{registry.host}/{project.image}:v1", f"{project.image}:v1"
    done = project.dlr("pull-from-registry", "--registry", registry.host, "--tag", "v1", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert docker_inspect(short)["Id"] == docker_inspect(full)["Id"] == pushed.config.digest
    assert json.loads(done.stdout)["images"] == [
        {
            "reference": f"{registry.host}/{project.image}@{pushed.digest}",
            "digest": pushed.digest,
            "id": pushed.config.digest,
            "names": [full, short],
        }
    ]


@on_each_engine
def test_a_tag_that_moves_is_followed_and_one_that_does_not_is_left(
    project: Project, registry: RunningRegistry
) -> None:
    words = ("pull-from-registry", f"{registry.host}/{project.image}")
    with registry.client() as client:
        push_image(client, project.image, "latest", "one")
        assert ": pulled" in project.dlr(*words).stderr
        assert ": unchanged" in project.dlr(*words).stderr
        moved = push_image(client, project.image, "latest", "two")
    done = project.dlr(*words)
    assert ": pulled" in done.stderr
    assert done.stdout == f"{registry.host}/{project.image}@{moved.digest}\n"
    assert docker_inspect(f"{project.image}:latest")["Id"] == moved.config.digest


def test_all_tags_and_only_the_full_names(project: Project, registry: RunningRegistry) -> None:
    with registry.client() as client:
        for tag in ("v1", "v2"):
            push_image(client, project.image, tag, tag)
    done = project.dlr("pull-from-registry", "--registry", registry.host, "--all-tags", "--no-short-name")
    assert done.returncode == 0, done.stderr
    assert names(project) == [f"{registry.host}/{project.image}:{tag}" for tag in ("v1", "v2")]
    assert len(done.stdout.splitlines()) == 2


@on_each_engine
def test_one_platform_of_several(project: Project, registry: RunningRegistry) -> None:
    with registry.client() as client:
        _, manifests = push_index(client, project.image, "v1")
    digests = {"linux/amd64": manifests[0].digest, "linux/arm64": manifests[1].digest}
    words = ("pull-from-registry", f"{registry.host}/{project.image}:v1")
    for platform, architecture in (("linux/arm64", "arm64"), ("linux/amd64", "amd64")):
        done = project.dlr(*words, "--platform", platform)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith(digests[platform])
        assert docker_inspect(f"{project.image}:v1")["Architecture"] == architecture
    missing = project.dlr(*words, "--platform", "linux/s390x")
    assert missing.returncode == MISSING
    assert "error: the image is not made for linux/s390x\nhint: it is there for linux/amd64" in missing.stderr


def test_an_image_for_another_platform_only(project: Project, registry: RunningRegistry) -> None:
    with registry.client() as client:
        push_image(client, project.image, "v1", platform=Platform("linux", "arm64"))
    done = project.dlr("pull-from-registry", f"{registry.host}/{project.image}:v1", "--platform", "linux/amd64")
    assert done.returncode == MISSING
    assert "linux/arm64" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(project) == []


@on_each_engine
def test_by_digest_it_gets_no_name(project: Project, registry: RunningRegistry) -> None:
    with registry.client() as client:
        pushed = push_image(client, project.image, "v1")
    reference = f"{registry.host}/{project.image}@{pushed.digest}"
    done = project.dlr("pull-from-registry", reference)
    assert (done.returncode, done.stdout) == (0, f"{reference}\n")
    assert [name for name in names(project) if not name.endswith(":<none>")] == []


def test_a_dry_run_does_nothing(project: Project, registry: RunningRegistry) -> None:
    done = project.dlr("pull-from-registry", "--registry", registry.host, "--tag", "v1", "--dry-run")
    assert done.stdout.splitlines()[-1] == f"2. Pull {registry.host}/{project.image}:v1"
    assert names(project) == []


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (MISSING, ["{host}/{image}:nothing"], "nothing"),
        (MISSING, ["{host}/{image}", "--all-tags"], "{image}"),
        (USAGE, ["{host}/{image}:v1", "--all-tags"], "is one image"),
        (USAGE, ["{host}/UPPER"], "is no repository"),
        (REGISTRY, ["localhost:1/{image}"], "cannot reach localhost:1"),
    ],
)
def test_what_cannot_be_pulled(
    project: Project, registry: RunningRegistry, code: int, words: list[str], said: str
) -> None:
    values = {"host": registry.host, "image": project.image}
    done = project.dlr("pull-from-registry", *(word.format(**values) for word in words))
    assert done.returncode == code, done.stderr
    assert said.format(**values) in done.stderr[done.stderr.index("error: ") :]
    assert (done.stdout, names(project)) == ("", [])


@on_each_engine
def test_a_password_is_needed_and_used(project: Project, with_password: RunningRegistry) -> None:
    from ducklake_registry.registry import Credentials

    with with_password.client(auth=Credentials(programs.USER, programs.PASSWORD)) as client:
        push_image(client, project.image, "v1")
    words = ("pull-from-registry", f"{with_password.host}/{project.image}:v1")
    assert project.dlr(*words).returncode == REGISTRY
    auth = {"auths": {with_password.host: {"username": programs.USER, "password": programs.PASSWORD}}}
    done = project.dlr(*words, DOCKER_AUTH_CONFIG=json.dumps(auth))
    assert done.returncode == 0, done.stderr
    assert docker("images", "--quiet", f"{project.image}:v1")
