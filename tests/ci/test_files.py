"""What is written for CI systems, held to their schemas and to a linter for their pitfalls."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / "action.yml"
PAGE = ROOT / "docs" / "ci.md"

BLOCKS = [
    (name, text)
    for text in re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for name in re.findall(r"\A# (\S+)", text)
]
"""The examples of the page, each of which begins with the name of its file."""


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name(words[0])
    return subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=60, check=False)


def valid(schema: str, *files: Path) -> None:
    done = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files))
    assert done.returncode == 0, done.stdout + done.stderr


def schema_of(name: str) -> str:
    return "gitlab-ci" if name == ".gitlab-ci.yml" else "github-workflows"


def test_workflows_are_what_they_say_and_the_pages_examples_too(tmp_path: Path) -> None:
    for name, text in BLOCKS:
        (tmp_path / Path(name).name).write_text(text)
    examples = [tmp_path / Path(name).name for name, _ in BLOCKS if schema_of(name) == "github-workflows"]
    valid("github-workflows", *WORKFLOWS, *examples)
    valid("gitlab-ci", tmp_path / ".gitlab-ci.yml")


def test_the_action_is_one() -> None:
    valid("github-actions", ACTION)


def test_a_workflow_that_is_none_is_found_out(tmp_path: Path) -> None:
    (broken := tmp_path / "ci.yml").write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs_on:"))
    with pytest.raises(AssertionError, match="runs_on"):
        valid("github-workflows", broken)


def test_nothing_in_them_can_be_abused() -> None:
    done = tool("zizmor", "--offline", "--no-progress", str(ACTION), *map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_injection_is_found_out(tmp_path: Path) -> None:
    text = ACTION.read_text().replace('option --image "$GIVEN_IMAGE"', "option --image '${{ inputs.image }}'")
    (broken := tmp_path / "action.yml").write_text(text)
    assert "template-injection" in tool("zizmor", "--offline", str(broken)).stdout


def test_each_job_says_what_it_may() -> None:
    for file in WORKFLOWS:
        document = yaml.safe_load(file.read_text())
        assert document["permissions"] == {}
        assert all(job["permissions"] == {"contents": "read"} for job in document["jobs"].values())
        assert all(job["timeout-minutes"] for job in document["jobs"].values())


def test_others_actions_are_pinned_by_their_commit() -> None:
    used = [line for file in WORKFLOWS for line in re.findall(r"uses: (\S+.*)", file.read_text())]
    assert used
    assert [each for each in used if not re.match(r"\./ |\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", each)] == []


def test_the_newest_python_is_tested_and_the_oldest() -> None:
    (matrix,) = [
        job["strategy"]["matrix"]["python"]
        for file in WORKFLOWS
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        if "strategy" in job
    ]
    project = (ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={matrix[0]}"' in project
    assert matrix == [f"3.{minor}" for minor in range(11, 11 + len(matrix))]


def test_the_page_has_examples_for_both() -> None:
    assert {schema_of(name) for name, _ in BLOCKS} == {"gitlab-ci", "github-workflows"}
    assert PAGE.read_text().count("```yaml") == len(BLOCKS), "each says which file it is"


def test_the_pages_workflows_use_inputs_and_outputs_that_there_are() -> None:
    action = yaml.safe_load(ACTION.read_text())
    steps = [
        step
        for name, text in BLOCKS
        if schema_of(name) == "github-workflows"
        for job in yaml.safe_load(text)["jobs"].values()
        for step in job["steps"]
        if "/ducklake-registry@" in step.get("uses", "")
    ]
    assert steps
    assert all(step["with"].keys() <= action["inputs"].keys() for step in steps)
    outputs = re.findall(r"steps\.\w+\.outputs\.(\w+)", PAGE.read_text())
    assert outputs
    assert set(outputs) <= action["outputs"].keys()


def test_the_actions_scripts_are_sound(tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed; `make lint` says so too")
    for number, step in enumerate(yaml.safe_load(ACTION.read_text())["runs"]["steps"]):
        (script := tmp_path / f"{number}.sh").write_text(f"#!/usr/bin/env bash\n{step['run']}")
        done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
