"""The lock on a cluster, held by real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import Busy
from ducklake_registry.lock import exclusive
from ducklake_registry.waiting import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOLDER = """
import sys, time
from ducklake_registry.lock import exclusive
from ducklake_registry.process import run
from ducklake_registry.waiting import Deadline
with exclusive(sys.argv[1], Deadline(5)):
    print("holds", flush=True)
    run(["sleep", "300"], timeout=300) if sys.argv[2] == "child" else time.sleep(300)
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@contextlib.contextmanager
def holder(name: str, how: str = "alone") -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in another process, which is in a group of its own."""
    argv = [sys.executable, "-c", _HOLDER, name, how]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "holds\n"
            yield process
        finally:
            process.kill()


def test_it_is_free_again_afterwards() -> None:
    for _ in range(2):
        with exclusive("kind-x", Deadline(0)):
            pass


def test_other_clusters_are_free() -> None:
    with exclusive("kind-x", Deadline(0)), exclusive("kind-y", Deadline(0)):
        pass


def test_a_second_one_is_told_who_holds_it() -> None:
    with holder("kind-x") as process:
        seen: list[str] = []
        with pytest.raises(Busy) as caught, exclusive("kind-x", Deadline(0.1), seen.append):
            pytest.fail("two hold it")
    assert caught.value.message == f"process {process.pid} is still at work on kind-x"
    assert caught.value.hint
    assert caught.value.exit_code == 7
    assert f"process {process.pid}" in seen[0]


def test_a_second_one_waits_for_the_first() -> None:
    with holder("kind-x") as process:
        end = threading.Timer(0.3, process.terminate)
        end.start()
        with exclusive("kind-x", Deadline(30)):
            assert process.wait(10)


def test_it_ends_with_a_killed_holder() -> None:
    with holder("kind-x") as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with exclusive("kind-x", Deadline(5)):
            pass


def test_a_program_that_was_started_holds_it_on() -> None:
    with holder("kind-x", "child") as process:
        child = _child_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        try:
            with pytest.raises(Busy), exclusive("kind-x", Deadline(0.3)):
                pytest.fail("two hold it")
        finally:
            os.kill(child, signal.SIGKILL)
        with exclusive("kind-x", Deadline(5)):
            pass


def test_it_is_released_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), exclusive("kind-x", Deadline(0)):
        raise ZeroDivisionError
    with exclusive("kind-x", Deadline(0)):
        pass


@pytest.mark.parametrize("name", ["arn:aws:eks:eu-1:1:cluster/x", "../../etc/passwd", "a b", "gke_p_z_c", "ü"])
def test_any_context_can_be_locked(name: str, tmp_path: Path) -> None:
    with exclusive(name, Deadline(0)):
        assert len(list(tmp_path.glob("dlr-*/*.lock"))) == 1


def test_others_cannot_see_into_the_folder(tmp_path: Path) -> None:
    with exclusive("kind-x", Deadline(0)):
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"dlr-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Busy, match="not ours to lock in"), exclusive("kind-x", Deadline(0)):
        pytest.fail("it was followed")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/proc")
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    with pytest.raises(Busy, match="/proc"), exclusive("kind-x", Deadline(0)):
        pytest.fail("it was made")


def _child_of(pid: int) -> int:
    for _ in range(500):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        threading.Event().wait(0.01)
    pytest.fail("no child was started")
