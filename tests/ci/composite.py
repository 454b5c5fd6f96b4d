"""Runs a composite action's steps as GitHub's runner does: inputs, outputs, and bash with what was mapped."""

from __future__ import annotations

import re
import subprocess
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EXPRESSION = re.compile(r"\$\{\{\s*(?P<path>[\w.-]+)\s*\}\}")


@dataclass(slots=True)
class Run:
    """What came of an action: its log, the status of its last step, its outputs and the job's summary."""

    log: str = ""
    status: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""


def run_action(action: Path, inputs: Mapping[str, str], workspace: Path, environ: Mapping[str, str]) -> Run:
    """Run all steps in `workspace`; `environ` is the job's. As on GitHub, an unknown input is an error."""
    document = yaml.safe_load(action.read_text())
    known: dict[str, Any] = document["inputs"]
    assert inputs.keys() <= known.keys(), inputs
    values = {f"inputs.{name}": inputs.get(name, each.get("default", "")) for name, each in known.items()}
    (temp := workspace.parent / f"runner-{uuid.uuid4().hex}").mkdir()
    (summary := temp / "summary").touch()
    job = {
        **environ,
        "GITHUB_ACTIONS": "true",
        "CI": "true",
        "GITHUB_ACTION_PATH": str(action.parent),
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_STEP_SUMMARY": str(summary),
        "RUNNER_TEMP": str(environ.get("RUNNER_TEMP", temp)),
    }
    run = Run()
    for number, step in enumerate(document["runs"]["steps"]):
        (output := temp / f"output-{number}").touch()
        done = _step(step, values, workspace, job | {"GITHUB_OUTPUT": str(output)}, temp / f"{number}.sh")
        run.log, run.status = run.log + done.stdout, done.returncode
        if done.returncode:
            break
        values |= {f"steps.{step.get('id')}.outputs.{name}": each for name, each in _read(output).items()}
    run.outputs = {name: _filled(each["value"], values) for name, each in document["outputs"].items()}
    run.summary = summary.read_text()
    return run


def _step(
    step: Mapping[str, Any], values: Mapping[str, str], workspace: Path, environ: Mapping[str, str], script: Path
) -> subprocess.CompletedProcess[str]:
    """Run one step. Source: "jobs.<job_id>.steps[*].shell" of GitHub's workflow syntax, for `shell: bash`."""
    assert step["shell"] == "bash"
    script.write_text(_filled(step["run"], values))
    own = {name: _filled(text, values) for name, text in step.get("env", {}).items()}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
        env={**environ, **own},
        cwd=workspace / _filled(step.get("working-directory", "."), values),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Put in the values of expressions; what has none is empty, as it is there."""
    return _EXPRESSION.sub(lambda found: values.get(found["path"], ""), text)


def _read(output: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in output.read_text().splitlines())
