"""What `dlr` says of a project's environment before anything is done."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Dlr

USAGE = 2
SETTINGS = """
[environment]
manifests = ["deploy"]
[[environment.build]]
image = "team/app"
context = "app"
target = "runtime"
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
PROD = {"PROD_CONTEXT": "production", "PROD_REGISTRY": "registry.invalid", "IMAGE_TAG": "v1"}


@pytest.fixture(autouse=True)
def project(folder: Path) -> None:
    for name in ("deploy", "app"):
        (folder / name).mkdir()
    (folder / "dlr.toml").write_text(SETTINGS)
    (folder / "deploy" / "config.yaml").write_text(CONFIG)
    (folder / "app" / "Dockerfile").write_text("FROM scratch AS runtime\n")


def steps(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [line.partition(". ")[2] for line in done.stdout.splitlines()]


def refused(done: subprocess.CompletedProcess[str], said: str, hint: str, code: int = USAGE) -> None:
    assert done.returncode == code, done.stderr
    error, hinted = done.stderr.splitlines()[-2:]
    assert error.startswith("error: ")
    assert said in error
    assert hinted.startswith("hint: ")
    assert hint in hinted


def test_the_environment_comes_after_the_registry(dlr_here: Dlr, folder: Path) -> None:
    said = steps(dlr_here("deploy-kind", "--dry-run", "--tag", "v1"))
    assert said[0] == "Check the environment of dlr.toml"
    assert said[-4:] == [
        f"Build team/app:v1, latest from {folder}/app",
        "Push localhost:5000/team/app:v1, latest",
        "Apply deploy",
        "Roll out deploy",
    ]


def test_without_git_its_tag_is_latest(dlr_here: Dlr) -> None:
    assert "Push localhost:5000/team/app:latest" in steps(dlr_here("deploy-kind", "--dry-run"))
    assert "Push localhost:5000/team/app:latest" in steps(dlr_here("build-and-push", "--dry-run"))


def test_nothing_is_built_that_need_not_be(dlr_here: Dlr) -> None:
    said = steps(dlr_here("deploy-kind", "--dry-run", "--no-build", "--tag", "v1"))
    assert "Find localhost:5000/team/app:v1" in said
    assert not [each for each in said if each.startswith(("Build", "Push"))]


def test_the_registry_alone(dlr_here: Dlr, folder: Path) -> None:
    only = steps(dlr_here("deploy-kind", "--dry-run", "--only", "registry"))
    (folder / "dlr.toml").unlink()
    assert only == steps(dlr_here("deploy-kind", "--dry-run"))
    assert not [each for each in only if "environment" in each]


def test_a_build_is_as_it_is_listed_and_then_rolled_out(dlr_here: Dlr, folder: Path) -> None:
    assert steps(dlr_here("build-and-push", "--dry-run", "--tag", "v1")) == [
        "Reach the registry localhost:5000",
        f"Build team/app:v1, latest from {folder}/app",
        "Push localhost:5000/team/app:v1, latest",
        "Roll out team/app on the laptop's cluster",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["--no-rollout"],
        ["--build-only"],
        ["--registry", "registry.invalid"],
        ["--prod", "--prod-registry", "registry.invalid"],
        ["--prod", "--prod-registry", "localhost:5000"],
        ["--image", "other", "app"],
    ],
)
def test_else_nothing_is_rolled_out(words: list[str], dlr_here: Dlr) -> None:
    said = steps(dlr_here("build-and-push", "--dry-run", "--tag", "v1", *words))
    assert not [each for each in said if each.startswith("Roll out")]


def test_what_is_said_comes_before_what_is_listed(dlr_here: Dlr, folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "Dockerfile").write_text("FROM scratch\n")
    said = steps(dlr_here("build-and-push", "other", "--dry-run", "--tag", "v1"))
    assert "Build team/app:v1, latest from other" in said


def test_of_several_images_one_is_named(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text(f'{SETTINGS}[[environment.build]]\nimage = "job"\ncontext = "app"\n')
    refused(dlr_here("build-and-push", "--dry-run"), "lists several images", "--image: team/app, job")
    assert steps(dlr_here("build-and-push", "--dry-run", "--image", "job", "--tag", "v1"))
    both = steps(dlr_here("deploy-kind", "--dry-run", "--tag", "v1"))
    assert both.count("Reach the registry localhost:5000") == 1


@pytest.mark.parametrize("words", [["deploy-kind"], ["build-and-push"], ["deploy-prod"]])
def test_a_mistake_in_it_is_told_before_anything_is_done(words: list[str], dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text(SETTINGS.replace("manifests", "manifest"))
    done = dlr_here(*words, **PROD)
    refused(done, f"{folder}/dlr.toml: environment.manifest: there is no such key", "did you mean manifests?")


def test_it_is_no_matter_of_other_commands(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text("[environment]\nmanifest = 3\n")
    assert dlr_here("destroy-kind", "--dry-run").returncode == 0


def test_a_manifest_that_is_none_is_told_before_the_cluster_is_made(dlr_here: Dlr, folder: Path) -> None:
    (folder / "deploy" / "config.yaml").write_text("kind: ConfigMap\nmetadata: {name: c}\n")
    done = dlr_here("deploy-kind")
    assert done.returncode == USAGE
    assert done.stderr.splitlines()[-1] == (
        f"error: {folder}/deploy/config.yaml holds a ConfigMap without apiVersion"
    )


# --- production


@pytest.mark.parametrize(
    ("missing", "said", "hint"),
    [
        ("PROD_CONTEXT", "nobody says which context is production's", "export PROD_CONTEXT="),
        ("PROD_REGISTRY", "nobody says which registry is production's", "export PROD_REGISTRY="),
        ("IMAGE_TAG", "nobody says which version goes to production", "export IMAGE_TAG="),
    ],
)
@pytest.mark.parametrize("empty", [True, False])
def test_production_has_to_be_named(missing: str, said: str, hint: str, empty: bool, dlr_here: Dlr) -> None:
    variables = PROD | {missing: ""} if empty else {key: value for key, value in PROD.items() if key != missing}
    refused(dlr_here("deploy-prod", **variables), said, hint)


def test_the_laptops_variables_are_not_productions(dlr_here: Dlr) -> None:
    laptop = {"DLR_CONTEXT": "production", "DLR_REGISTRY": "registry.invalid", "IMAGE_TAG": "v1"}
    refused(dlr_here("deploy-prod", **laptop), "which context", "PROD_CONTEXT")


def test_latest_is_no_version(dlr_here: Dlr) -> None:
    refused(
        dlr_here("deploy-prod", **PROD | {"IMAGE_TAG": "latest"}), "`latest` is no tag for production", "v1.2.3"
    )
    refused(dlr_here("deploy-prod", "--tag", "v1", "--tag", "v2", **PROD), "only one version", "--tag")


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "registry.invalid/db:latest"])
def test_nor_is_it_one_of_other_images(image: str, dlr_here: Dlr, folder: Path) -> None:
    spec = f"{{containers: [{{name: db, image: '{image}'}}]}}"
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: db}}\nspec: {spec}\n"
    (folder / "deploy" / "config.yaml").write_text(pod)
    refused(dlr_here("deploy-prod", **PROD), f"Pod db runs {image}", "give it a version or a digest")


def test_what_is_not_committed_does_not_go_to_production(dlr_here: Dlr, folder: Path) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    (folder / "deploy" / "more.yaml").write_text(CONFIG)
    refused(dlr_here("deploy-prod", **PROD), "the checkout differs from its commit", "git status")
    (folder / "deploy" / "more.yaml").unlink()
    refused(dlr_here("deploy-prod", **PROD), "no context 'production'", "")


def test_no_other_context_is_taken(dlr_here: Dlr, folder: Path) -> None:
    entry = "{name: laptop, context: {cluster: c, user: u}}"
    cluster = "{name: c, cluster: {server: 'https://127.0.0.1:1'}}"
    (folder / "config").write_text(
        f"current-context: laptop\ncontexts: [{entry}]\nclusters: [{cluster}]\nusers: [{{name: u, user: {{}}}}]\n"
    )
    done = dlr_here("deploy-prod", "--yes", "--kubeconfig", str(folder / "config"), **PROD)
    refused(done, "there is no context 'production'", "laptop")


def test_without_an_environment_there_is_nothing_to_deploy(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").unlink()
    refused(dlr_here("deploy-prod", **PROD), "no [environment]", "dlr.toml")
