"""A project's environment on a real cluster: what runs is what was built, on the laptop and in production."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docker_command import forget_images
from tests.e2e.conftest import run
from tests.e2e.failing import CLUSTER, ENGINE, MISSING, REGISTRY, USAGE, failed
from tests.e2e.project import DOCKERFILE, IMAGE, NAMESPACE, NAP, Project, made

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Environment

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def project(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("napper")
    project = Project(folder, environment)
    project.write("Dockerfile", DOCKERFILE)
    project.write("start", NAP)
    project.write("version", "version 1\n")
    project.write("dlr.toml", f'[environment]\nmanifests = ["deploy"]\n[[environment.build]]\nimage = "{IMAGE}"\n')
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    project.write("deploy/30-namespace.yaml", yaml.safe_dump(namespace))
    project.write_app()
    run("git", "-C", str(folder), "init", "--quiet")
    project.commit()
    yield project
    environment.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    for each in (IMAGE, "stranger"):
        forget_images(each)


@pytest.fixture(scope="module")
def deployed(project: Project) -> Project:
    done = project.dlr("deploy-kind")
    assert done.returncode == 0, done.stderr
    return project


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^✓ (.*): (\S.*?) \(", done.stderr, re.MULTILINE))


def test_what_runs_is_what_was_built(deployed: Project) -> None:
    digest = deployed.digest("latest")
    assert deployed.running() == {digest}
    assert deployed.said() == "version 1\n"
    pinned = f"{deployed.environment.registry}/{IMAGE}@{digest}"
    (deployment,), (cron,) = deployed.found("deployments"), deployed.found("cronjobs")
    pod = deployment["spec"]["template"]["spec"]
    assert [each["image"] for each in (*pod["containers"], *pod["initContainers"])] == [pinned, pinned]
    (scheduled,) = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert scheduled["image"] == pinned
    short = run("git", "-C", str(deployed.folder), "rev-parse", "--short", "HEAD").strip()
    assert deployed.digest(short) == digest, "its tag is git's too"


def test_all_of_it_is_in_the_status(deployed: Project) -> None:
    done = deployed.dlr("status", "-o", "json")
    found = {each["name"]: each for each in json.loads(done.stdout)["workloads"] if each["namespace"] == NAMESPACE}
    assert {each["kind"] for each in found.values()} == {"Deployment", "Job", "CronJob"}
    assert found["nightly"]["schedule"] == "0 3 * * *"
    assert found["nightly"]["image"].endswith(deployed.digest("latest"))
    assert (found["napper"]["ready"], found["napper"]["wanted"]) == (2, 2)
    assert (found["once"]["ready"], found["once"]["wanted"]) == (1, 1)


def test_a_second_run_changes_nothing(deployed: Project) -> None:
    before = {each["metadata"]["uid"] for kind in ("pods", "jobs") for each in deployed.found(kind)}
    said = outcomes(deployed.dlr("deploy-kind"))
    ours = {
        title: outcome for title, outcome in said.items() if title.startswith(("Build", "Push", "Apply deploy"))
    }
    assert len(ours) == 3
    assert set(ours.values()) == {"unchanged"}
    assert {each["metadata"]["uid"] for kind in ("pods", "jobs") for each in deployed.found(kind)} == before
    found = outcomes(deployed.dlr("deploy-kind", "--no-build"))
    assert found["Apply deploy"] == "unchanged"
    assert not [title for title in found if title.startswith("Build")]


def test_a_new_version_rolls_out_when_it_is_pushed(deployed: Project) -> None:
    before = deployed.digest("latest")
    deployed.write("version", "version 2\n")
    quietly = deployed.dlr("build-and-push", "--no-rollout")
    assert quietly.returncode == 0, quietly.stderr
    assert deployed.running() == {before}

    done = deployed.dlr("build-and-push")

    assert done.returncode == 0, done.stderr
    assert deployed.digest("latest") != before
    assert done.stdout == f"{deployed.environment.registry}/{IMAGE}@{deployed.digest('latest')}\n"
    assert "✓ Roll out napper on the laptop's cluster: 2 configured, 1 replaced; napper, once ready" in done.stderr
    assert deployed.running() == {deployed.digest("latest")}
    assert deployed.said() == "version 2\n"
    assert deployed.kubectl("logs", "job/once") == "version 2\n", "a Job runs again with the new version"
    again = outcomes(deployed.dlr("build-and-push"))
    assert again["Roll out napper on the laptop's cluster"].startswith("unchanged; ")


def test_nothing_is_rolled_out_where_the_environment_is_not(deployed: Project, tmp_path: Path) -> None:
    settings = (deployed.folder / "dlr.toml").read_text()
    other = Project(tmp_path, deployed.environment)
    for name in ("Dockerfile", "version", "start"):
        other.write(name, (deployed.folder / name).read_text())
    other.write("dlr.toml", settings.replace(IMAGE, "stranger"))
    other.write("deploy/app.yaml", (deployed.folder / "deploy/20-app.yaml").read_text().replace(IMAGE, "stranger"))
    done = other.dlr("build-and-push")
    assert done.returncode == 0, done.stderr
    assert "✓ Roll out stranger on the laptop's cluster: left out: nothing in kind-" in done.stderr


def test_a_version_that_does_not_start_says_why(deployed: Project) -> None:
    deployed.write("start", "cat /version; echo no lake here >&2; exit 7\n")
    try:
        done = deployed.dlr("build-and-push")
        failed(
            done, CLUSTER, "exited with 7", "log: no lake here", "hint: the log tells why: kubectl --context kind-"
        )
        assert done.stdout.startswith(f"{deployed.environment.registry}/{IMAGE}@sha256:"), (
            "what was pushed is told"
        )
    finally:
        deployed.write("start", NAP)
    assert deployed.dlr("deploy-kind").returncode == 0
    assert deployed.said() == (deployed.folder / "version").read_text()


def test_a_job_that_fails_says_why_and_is_made_anew(deployed: Project) -> None:
    deployed.write_app(("sh", "-c", "echo bad lake; exit 3"))
    failed(deployed.dlr("deploy-kind"), CLUSTER, "Job once has failed", "log: bad lake")
    deployed.write_app()
    done = deployed.dlr("deploy-kind")
    assert done.returncode == 0, done.stderr
    assert "1 replaced" in done.stderr


def test_a_build_that_fails_changes_nothing(deployed: Project) -> None:
    before = deployed.running()
    dockerfile = (deployed.folder / "Dockerfile").read_text()
    deployed.write("Dockerfile", f"{dockerfile}RUN exit 9\n")
    try:
        failed(deployed.dlr("deploy-kind"), ENGINE, "the build failed at step")
    finally:
        deployed.write("Dockerfile", dockerfile)
    assert deployed.running() == before


def test_what_was_never_built_cannot_run(deployed: Project) -> None:
    failed(deployed.dlr("deploy-kind", "--no-build", "--tag", "v0"), MISSING, f"{IMAGE}:v0 is not in the registry")


def test_only_the_registry(deployed: Project) -> None:
    said = outcomes(deployed.dlr("deploy-kind", "--only", "registry"))
    assert not [title for title in said if title.startswith(("Build", "Apply deploy"))]


# --- production


@pytest.fixture(scope="module")
def production(deployed: Project) -> Project:
    """Production is another name for the cluster; what goes there is committed."""
    context = deployed.environment.context
    words = ("config", "set-context", "production", f"--cluster={context}", f"--user={context}")
    deployed.environment.kubectl(*words)
    deployed.commit()
    return deployed


def test_production_gets_what_was_shown_and_nothing_before_the_yes(production: Project) -> None:
    production.write("version", "version 3\n")
    production.commit()
    before, registry = production.running(), production.environment.registry
    pushed = production.dlr("build-and-push", "--prod", "--tag", "v3", PROD_REGISTRY=registry)
    assert pushed.returncode == 0, pushed.stderr
    assert "Roll out" not in pushed.stderr
    digest = production.digest("v3")

    shown = production.prod("--dry-run", IMAGE_TAG="v3")
    asked = production.prod(IMAGE_TAG="v3")

    assert shown.returncode == 0, shown.stderr
    for text in (shown.stdout, asked.stderr):
        assert "context production\n" in text
        assert "server  https://127.0.0.1:" in text
        assert f"{IMAGE}:v3\n        {digest}\n" in text
        assert "keep    Namespace nap" in text
        assert "change  Deployment napper" in text
        assert "replace Job once" in text
        assert f"+      - image: {registry}/{IMAGE}@{digest}" in text
    failed(asked, USAGE, "not done without a yes: Deploy this to production at https://127.0.0.1:")
    assert production.running() == before

    done = production.prod("--yes", IMAGE_TAG="v3")
    assert done.returncode == 0, done.stderr
    assert production.running() == {digest}
    assert production.said() == "version 3\n"
    again = outcomes(production.prod(IMAGE_TAG="v3"))  # where nothing changes, nobody is asked
    assert again["Apply deploy"] == "unchanged"


def test_production_has_manifests_of_its_own(production: Project) -> None:
    """Its Secrets are made by somebody else; a pod that stands alone is waited for, and made anew for a change."""
    settings = (production.folder / "dlr.toml").read_text()
    own = settings.replace("[[", 'prod-manifests = ["prod"]\n[[', 1)
    production.write("dlr.toml", own)
    production.write("prod/alone.yaml", yaml.safe_dump(_alone("one")))
    production.commit()
    shown = production.prod("--dry-run", IMAGE_TAG="v3")
    assert shown.returncode == 0, shown.stderr
    assert f"missing Secret from-elsewhere in {NAMESPACE}, for Pod alone\n" in shown.stdout
    assert "create  Pod alone" in shown.stdout
    assert "Deployment napper" not in shown.stdout

    production.kubectl("create", "secret", "generic", "from-elsewhere", "--from-literal=WORD=hush")
    done = outcomes(production.prod("--yes", IMAGE_TAG="v3"))
    assert (done["Apply prod"], done["Roll out prod"]) == ("1 created", "alone ready")
    assert production.kubectl("logs", "alone") == "one hush\n"

    production.write("prod/alone.yaml", yaml.safe_dump(_alone("two")))
    production.commit()
    again = outcomes(production.prod("--yes", IMAGE_TAG="v3"))
    assert (again["Apply prod"], again["Roll out prod"]) == ("1 replaced", "alone ready")
    assert production.kubectl("logs", "alone") == "two hush\n"
    assert outcomes(production.prod("--yes", IMAGE_TAG="v3"))["Apply prod"] == "unchanged"
    found = json.loads(production.dlr("status", "-o", "json").stdout)["workloads"]
    assert [each["ready"] for each in found if (each["kind"], each["name"]) == ("Pod", "alone")] == [1]
    production.write("dlr.toml", settings)
    production.commit()


def _alone(word: str) -> dict[str, Any]:
    command = ["sh", "-c", f"echo {word} $WORD; exec sleep infinity"]
    secret = [{"secretRef": {"name": "from-elsewhere"}}]
    container = {"name": "alone", "image": IMAGE, "command": command, "envFrom": secret}
    return made("v1", "Pod", "alone", {"terminationGracePeriodSeconds": 0, "containers": [container]})


def test_what_production_refuses(production: Project) -> None:
    before = production.running()
    failed(production.prod("--yes", IMAGE_TAG="v0"), MISSING, f"{IMAGE}:v0 is not in the registry", "--prod")
    failed(production.prod("--yes", IMAGE_TAG="latest"), USAGE, "`latest` is no tag for production")
    failed(production.prod("--yes", IMAGE_TAG="v3", PROD_CONTEXT="nowhere"), USAGE, "no context 'nowhere'")
    failed(production.prod("--yes", IMAGE_TAG="v3", PROD_REGISTRY="localhost:1"), REGISTRY, "localhost:1")
    production.write("deploy/50-more.yaml", yaml.safe_dump(made("v1", "ConfigMap", "more", {})))
    failed(production.prod("--yes", IMAGE_TAG="v3"), USAGE, "the checkout differs from its commit", "git status")
    (production.folder / "deploy/50-more.yaml").unlink()
    assert production.running() == before
