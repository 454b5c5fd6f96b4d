"""How a command fails: with its family's exit code, one error, a hint, and no traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

MISSING, USAGE, CLUSTER, REGISTRY, ENGINE, TIMEOUT = 1, 2, 3, 4, 5, 6


def fails(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Check that a command failed as it should: its code, one error, a hint, and no traceback."""
    failed(done, code, *words)
    assert any(line.startswith("hint: ") for line in done.stderr.splitlines()), done.stderr


def failed(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Check the same of a command that has nothing to hint at."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
