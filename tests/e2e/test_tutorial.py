"""docs/tutorial.md, typed into a shell command by command, on a cluster of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.conftest import Environment

pytestmark = pytest.mark.cluster

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
ANYTHING = "…"


@dataclass(frozen=True)
class Typed:
    """A command and the lines that are expected of it; none where the page does not say."""

    command: str
    expected: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """What its output has to match: `…` is anything in a line or, alone, any number of lines."""
        lines = ("(?:.*\n)*?" if line == ANYTHING else f"{_within(line)}\n" for line in self.expected)
        return "".join(lines)


def _within(line: str) -> str:
    # Columns are as wide as what is in them.
    parts = (re.sub(r"(?:\\ ){2,}", " +", re.escape(part)) for part in line.split(ANYTHING))
    return ".*".join(parts) + " *"


def typed(page: str) -> Iterator[Typed]:
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            while lines and lines[0].startswith("> "):
                command += "\n" + lines.pop(0).removeprefix("> ")
            yield Typed(command, tuple(lines))


def test_the_page_is_read_as_it_is_meant() -> None:
    block = "```console\n$ cat << END\n> a\n> END\na\n$ true\n$ ls\n…\nx  … y\n```\n"

    assert list(typed(block)) == [
        Typed("cat << END\na\nEND", ("a",)),
        Typed("true", ()),
        Typed("ls", ("…", "x  … y")),
    ]
    assert re.fullmatch(Typed("ls", ("…", "x  … y")).pattern, "a\nb\nx    12 y\n")
    assert not re.fullmatch(Typed("ls", ("x  … y",)).pattern, "a\nx  1 y\n")


def test_every_command_says_what_the_page_says(
    make_environment: Callable[[], Environment], tmp_path: Path
) -> None:
    environment = make_environment()
    page = PAGE.read_text("utf-8")
    own = page.replace("localhost:5000", environment.registry).replace("ducklake-cluster", environment.name)
    commands = list(typed(own))
    assert len(commands) > 12
    path = f"{Path(sys.executable).parent}:{environment.variables['PATH']}"
    for each in commands:
        done = subprocess.run(
            ["bash", "-c", each.command],
            cwd=tmp_path,
            env=environment.variables | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{each.command}\n{done.stdout}"
        if each.expected:
            assert re.fullmatch(each.pattern, done.stdout), f"{each.command}\n{done.stdout}"
    assert not environment.nodes()
