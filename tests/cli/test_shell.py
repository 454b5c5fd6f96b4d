"""Completion in real shells, as a person sees it who presses Tab."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.cli.shell import Shell

if TYPE_CHECKING:
    from tests.cli.conftest import Dlr

KUBECONFIG = """
apiVersion: v1
kind: Config
contexts:
- {name: production-eu, context: {cluster: c, user: u}}
- {name: staging, context: {cluster: c, user: u}}
"""

COMPLETED = [
    ("dlr destroy", "-kind"),
    ("dlr logs --fol", "low"),
    ("dlr status --output ya", "ml"),
    ("dlr status --context prod", "uction-eu"),
]

CONTROL = re.compile(r"\x1b(\[[0-9;?>=]*[A-Za-z]|[=>]|\][^\x07]*\x07)")

SHELLS = {
    Shell.BASH: (["bash", "--norc", "-i"], "source <(dlr completion bash)"),
    Shell.ZSH: (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; source <(dlr completion zsh)"),
    Shell.FISH: (["fish", "--private"], "dlr completion fish | source"),
}


@pytest.fixture
def shell(request: pytest.FixtureRequest) -> Shell:
    chosen: Shell = request.param
    if shutil.which(chosen) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run this, but {chosen} is not installed")
        pytest.skip(f"{chosen} is not installed")
    return chosen


@pytest.fixture
def environ(surroundings: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Surroundings in which `dlr` is the one that is tested, with two contexts to choose from."""
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    path = f"{Path(sys.executable).parent}{os.pathsep}{surroundings['PATH']}"
    return surroundings | {"PATH": path, "KUBECONFIG": str(tmp_path / "kubeconfig"), "TERM": "dumb", "PS1": "$ "}


@pytest.mark.parametrize("shell", [Shell.BASH, Shell.ZSH], indirect=True)
def test_tab_completes(shell: Shell, environ: dict[str, str]) -> None:
    command, set_up = SHELLS[shell]
    with Screen(command, environ) as screen:
        screen.type(f"{set_up}; echo r'ead'y\n")
        screen.until("ready")
        for typed, rest in COMPLETED:
            screen.type(f"{typed}\t")
            screen.until(f"{typed}{rest}")
            screen.type("\x15")  # which takes the line back


@pytest.mark.parametrize("shell", [Shell.FISH], indirect=True)
def test_fish_completes(shell: Shell, environ: dict[str, str]) -> None:
    """It tells by itself; at its prompt it asks at every key."""
    command, set_up = SHELLS[shell]
    script = "; ".join([set_up, *(f"complete --do-complete '{typed}'" for typed, _ in COMPLETED)])
    done = subprocess.run(
        [*command, "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [
        f"{typed}{rest}".split()[-1] for typed, rest in COMPLETED
    ]


class Screen:
    """A program on a terminal of its own."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.execvpe(command[0], command, environ)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._terminal)
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def until(self, text: str, seconds: float = 30) -> None:
        """Read until a text is there."""
        seen, end = "", time.monotonic() + seconds
        while text not in CONTROL.sub("", seen):
            ready, _, _ = select.select([self._terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not come: {seen!r}"
            seen += os.read(self._terminal, 4096).decode(errors="replace")


def test_each_shell_has_its_script(dlr: Dlr) -> None:
    texts = {each: dlr("completion", each).stdout for each in Shell}
    assert all("_DLR_COMPLETE" in text for text in texts.values())
    assert len(set(texts.values())) == len(Shell)
    assert dlr("completion", "csh").returncode == 2
