"""The set-up's own machinery: what stops it leaves nothing running, and two of it do nothing twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from ducklake_registry.waiting import Deadline, NotYet, wait_for
from tests.packaging.build_context import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO_STEPS_BESIDE = """
beside step 'the one' bash -c 'sleep 300 & wait'
step 'the other' sleep 300
"""


@contextlib.contextmanager
def started(state: Path, body: str) -> Iterator[subprocess.Popen[str]]:
    """Have a set-up of these lines run, with its own folder; what it has started ends with the block."""
    script = f'set -euo pipefail\nsource "{ROOT}/bootstrap/lib/all.sh"\n{body}'
    process = subprocess.Popen(
        ["bash", "-c", script],
        env=os.environ | {"DLR_BOOTSTRAP_STATE": str(state)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            left = below(process)
            process.kill()
            for each in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


def below(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return all that a set-up has started and that has not ended; nothing once it has ended itself."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def running(process: subprocess.Popen[str], command: str, count: int = 1) -> list[psutil.Process]:
    """Wait until a set-up has so many processes of that command, and return all that it has."""

    def probe() -> list[psutil.Process] | NotYet:
        found = below(process)
        with contextlib.suppress(psutil.NoSuchProcess):
            if [" ".join(each.cmdline()) for each in found].count(command) == count:
                return found
        return NotYet(f"{found}")

    return wait_for(command, probe, Deadline(20))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_stops_it_stops_all_that_it_does(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with started(tmp_path, TWO_STEPS_BESIDE) as process:
        found = running(process, "sleep 300", 2)
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        _, left = psutil.wait_procs(found, timeout=20)
    assert not left
    assert not list(tmp_path.glob("step.*")), "the logs of steps are gone with them"


def test_a_step_that_fails_shows_what_it_last_said(tmp_path: Path) -> None:
    with started(tmp_path, "step 'building' bash -c 'echo no such header; exit 3' || exit 4") as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 4
    assert said.splitlines() == ["bootstrap: building", "bootstrap: failed: building", "  no such header"]


def test_a_second_one_waits_for_what_a_killed_one_still_does(tmp_path: Path) -> None:
    """Only the script is killed: its step goes on, and is not done a second time beside it."""
    locked = f'lock "{tmp_path}/lock"\n'
    with started(tmp_path, f"{locked}step 'the one' bash -c 'sleep 2; touch {tmp_path}/made'") as first:
        running(first, "sleep 2")
        first.kill()
        first.wait(timeout=20)
        with started(tmp_path, f"{locked}test -e {tmp_path}/made") as second:
            _, said = second.communicate(timeout=20)
    assert (second.returncode, said) == (0, "bootstrap: waiting for another set-up that runs on this machine\n")
