"""What a person at a terminal sees, read from a real one of 80 columns, as the README's picture is."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "record.py"
_STEPS = """
import time
from ducklake_registry.display.terminal import Terminal
from ducklake_registry.errors import ClusterError
from ducklake_registry.step import Step

def wait(report):
    for number in range(6):
        report(f"waiting for something with a long name, {number} of 6 are there; more and more words follow")
        time.sleep(0.1)
    return "ready"

def fail(report):
    raise ClusterError("no")

Terminal().run([Step("Wait", wait), Step("Look", lambda report: "unchanged")])
try:
    Terminal().run([Step("Fail", fail)])
except ClusterError as error:
    Terminal().error(error)
"""


@pytest.fixture(scope="module")
def record() -> Any:
    """Return the script that records pictures, as a module."""
    spec = importlib.util.spec_from_file_location("record", _SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["record"] = module
    spec.loader.exec_module(module)
    return module


def shown(record: Any, output: str) -> list[str]:
    """Return the lines that are left on the screen, without colours."""
    screen = record.Screen()
    screen.write(output)
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in screen.lines if line.strip()]


def test_what_moved_is_gone_and_each_step_has_left_a_line(record: Any) -> None:
    output = record.recorded(shlex.join([sys.executable, "-c", _STEPS]), 60)
    assert "waiting for something" in output
    wait, *others = shown(record, output)
    assert re.fullmatch(r"✓ Wait: ready \(\d(\.\d)?s\)", wait)
    assert others == ["✓ Look: unchanged (0s)", "✗ Fail: failed (0s)", "error: no"]


def test_what_is_waited_for_is_kept_on_one_line(record: Any) -> None:
    output = record.recorded(shlex.join([sys.executable, "-c", _STEPS]), 60)
    assert "more and more words follow" not in output
    frames = [line for line in re.split(r"[\r\n]|\x1b\[[0-9;?]*[A-Za-z]", output) if "waiting" in line]
    assert frames
    assert max(map(len, frames)) < 80


def test_the_cursor_is_shown_again(record: Any) -> None:
    output = record.recorded(shlex.join([sys.executable, "-c", _STEPS]), 60)
    assert output.rfind("\x1b[?25h") > output.rfind("\x1b[?25l") > -1


def test_a_picture_has_the_command_its_output_and_nothing_from_elsewhere(record: Any) -> None:
    picture = record.picture([("dlr --version", "\x1b[1mdlr 0.1.0\x1b[0m\r\n")])
    words = picture.replace("&#160;", " ")
    assert "dlr --version" in words
    assert "dlr 0.1.0" in words
    assert set(re.findall(r"https?://[^\s\"'<>)]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in picture
