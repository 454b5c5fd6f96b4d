"""`dlr` as it is typed, in surroundings of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ducklake_registry.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Dlr = Callable[..., subprocess.CompletedProcess[str]]

_KEPT = {"PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START"}


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """Return an environment without the user's home, settings, clusters and engine."""
    (home := tmp_path / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    return kept | {"HOME": str(home), "DOCKER_HOST": "unix:///nowhere", "TMPDIR": str(tmp_path)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder in which `dlr` is run."""
    (path := tmp_path / "project").mkdir()
    return path


@pytest.fixture
def dlr_here(surroundings: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dlr:
    """Return what `dlr` returns, but run in this process: for what ends before anything is done."""
    for name in os.environ.keys() - surroundings.keys() - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = CliRunner().invoke(
            app, words, env=surroundings | variables, catch_exceptions=False, prog_name="dlr"
        )
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def dlr(surroundings: dict[str, str], folder: Path) -> Dlr:
    """Return a function that runs `dlr` to its end; keywords are further variables of its environment."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ducklake_registry", *words],
            env=surroundings | variables,
            cwd=folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    return run
