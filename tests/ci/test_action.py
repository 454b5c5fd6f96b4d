"""The action's own steps, from a checkout to a digest in a real registry."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.registry import Credentials
from tests.ci.composite import Run, run_action
from tests.ci.test_files import BLOCKS
from tests.docker_command import docker_inspect
from tests.registry import programs

if TYPE_CHECKING:
    from tests.engine.conftest import Project
    from tests.registry.programs import RunningRegistry

pytestmark = [pytest.mark.engine, pytest.mark.registry]

ACTION = Path(__file__).resolve().parents[2] / "action.yml"
_PIP = ("PIP_", "SSL_", "REQUESTS_", "UV_", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True)
class Job:
    """A job whose workspace is a project; `dlr` is installed once for all of them."""

    project: Project
    temp: Path

    def run(self, **inputs: str) -> Run:
        """Run the action; `_` in an input's name is a dash."""
        pip = {name: value for name, value in os.environ.items() if name.startswith(_PIP)}
        environ = {**pip, **self.project.environ, "RUNNER_TEMP": str(self.temp), "SECRET": "of the job"}
        del environ["DLR_IMAGE"]
        given = {"image": self.project.image} | {name.replace("_", "-"): each for name, each in inputs.items()}
        return run_action(ACTION, given, self.project.folder, environ)


@pytest.fixture(scope="module")
def temp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runner")


@pytest.fixture
def job(project: Project, temp: Path) -> Job:
    return Job(project, temp)


def test_an_image_is_built_and_pushed_and_the_outputs_say_which(job: Job, registry: RunningRegistry) -> None:
    job.project.write(dlr__toml=f'registry = "{registry.host}"\n')
    labels = "team=lake\nnote=it's $(touch /tmp/never) and `more`\n"
    run = job.run(tags="v1, v2\nv3", labels=labels, build_args="WHO=a b\nNONE=\n")
    assert run.status == 0, run.log
    image = f"{registry.host}/{job.project.image}"
    with registry.client() as client:
        assert set(client.tags(job.project.image)) == {"latest", "v1", "v2", "v3"}
        digest = client.head_manifest(job.project.image, "v2").digest
    assert run.outputs == {
        "digest": digest,
        "reference": f"{image}@{digest}",
        "image": image,
        "tags": "v1,v2,v3,latest",
    }
    assert f"`{image}`" in run.summary
    found = docker_inspect(f"{job.project.image}:v1")["Config"]["Labels"]
    assert found["note"] == "it's $(touch /tmp/never) and `more`"


def test_a_password_logs_in_and_is_seen_nowhere(job: Job, with_password: RunningRegistry) -> None:
    refused = job.run(registry=with_password.host, tags="v1", username=programs.USER, password="wrong")
    assert refused.status == 4
    assert "does not accept the password" in refused.log
    assert set(refused.outputs.values()) == {""}
    job.project.dockerfile("ARG GIVEN_PASSWORD=none", "LABEL password=$GIVEN_PASSWORD")
    given = {"username": programs.USER, "password": programs.PASSWORD, "build_args": "GIVEN_PASSWORD"}
    run = job.run(registry=with_password.host, tags="v1", **given)
    assert run.status == 0, run.log
    assert programs.PASSWORD not in run.log
    with with_password.client(auth=Credentials(programs.USER, programs.PASSWORD)) as client:
        assert client.head_manifest(job.project.image, "v1").digest == run.outputs["digest"]
    assert docker_inspect(f"{job.project.image}:v1")["Config"]["Labels"]["password"] == "none"


def test_what_callers_write_is_never_run_nor_taken_for_an_option(job: Job, registry: RunningRegistry) -> None:
    for inputs in (
        {"image": "a$(touch pwned)"},
        {"image": "a", "tags": "--dry-run"},
        {"image": "a", "context": "--version"},
        {"image": "a", "file": "`touch pwned`"},
    ):
        run = job.run(registry=registry.host, **{"tags": "v1"} | inputs)
        assert run.status == 2, run.log
        assert "error: " in run.log
    assert not (job.project.folder / "pwned").exists()


def test_the_pages_example_for_gitlab_pushes(job: Job, with_password: RunningRegistry) -> None:
    """Its script, with the variables that GitLab sets; the engine is the one here."""
    (text,) = [text for name, text in BLOCKS if name == ".gitlab-ci.yml"]
    (example,) = [each for each in yaml.safe_load(text).values() if "script" in each]
    gitlab = {
        "CI_REGISTRY": with_password.host,
        "CI_REGISTRY_USER": programs.USER,
        "CI_REGISTRY_PASSWORD": programs.PASSWORD,
        "CI_REGISTRY_IMAGE": f"{with_password.host}/{job.project.image}",
        "CI_PROJECT_URL": "https://gitlab.example.com/team/app",
        "CI_COMMIT_SHA": "0" * 40,
        "CI_COMMIT_SHORT_SHA": "0" * 8,
    }
    own = {
        name: Template(value).substitute(gitlab)
        for name, value in example["variables"].items()
        if not name.startswith("DOCKER_")
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in example["script"]:
        environ = {**job.project.environ, **gitlab, **own, "PATH": path}
        done = subprocess.run(
            ["sh", "-e", "-c", line],
            env=environ,
            cwd=job.project.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    with with_password.client(auth=Credentials(programs.USER, programs.PASSWORD)) as client:
        digest = client.head_manifest(job.project.image, "0" * 8).digest
    reference = f"{with_password.host}/{job.project.image}@{digest}"
    assert (job.project.folder / "image.env").read_text() == f"REFERENCE={reference}\n"
