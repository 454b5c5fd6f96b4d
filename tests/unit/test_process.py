"""Running other programs, with real ones."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from ducklake_registry.errors import TimeoutExpired
from ducklake_registry.process import CommandFailed, CommandMissing, pipe, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def shell(script: str) -> list[str]:
    return ["bash", "-c", script]


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Callable[[], list[int]]]:
    """Return a function that gives the numbers written to the file `pids`, and leave none of them running."""

    def read() -> list[int]:
        return [int(line) for path in tmp_path.glob("pids*") for line in path.read_text().split()]

    yield read
    for pid in read():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_output_is_returned() -> None:
    assert run(shell("echo one; echo two"), timeout=10) == "one\ntwo\n"


def test_the_words_are_not_a_shells() -> None:
    assert run(["echo", "$HOME;", "a b", "*"], timeout=10) == "$HOME; a b *\n"


def test_lines_of_standard_error_are_told_as_they_come() -> None:
    lines: list[str] = []
    assert run(shell("echo one >&2; echo result; echo two >&2"), timeout=10, on_line=lines.append) == "result\n"
    assert lines == ["one", "two"]


def test_what_is_no_utf8_does_not_break_it() -> None:
    assert run(python(r"import sys; sys.stdout.buffer.write(b'a\xffb')"), timeout=10) == "a\ufffdb"


def test_much_output_on_both_sides() -> None:
    script = "import sys\nfor n in range(20000): print('o' * 50); print('e' * 50, file=sys.stderr)"
    assert len(run(python(script), timeout=60)) == 20000 * 51


def test_input() -> None:
    assert run(["cat"], timeout=10, stdin="ä\nb") == "ä\nb"


def test_without_input_there_is_none() -> None:
    assert run(["cat"], timeout=10) == ""


def test_input_that_nobody_reads() -> None:
    assert run(["true"], timeout=10, stdin="x" * 1_000_000) == ""


def test_input_that_nobody_reads_does_not_outlast_the_limit() -> None:
    with pytest.raises(TimeoutExpired):
        run(["sleep", "60"], timeout=0.2, stdin="x" * 1_000_000)


def test_a_failure_quotes_the_last_line(tmp_path: Path) -> None:
    (script := tmp_path / "script").write_text("echo first >&2; echo ' last words' >&2; exit 7")
    with pytest.raises(CommandFailed) as caught:
        run(["bash", str(script), "cluster", "and", "more"], timeout=10)
    assert caught.value.message == f"`bash {script} cluster` failed with status 7: last words"
    assert caught.value.status == 7
    assert caught.value.output == "first\n last words\n"


def test_a_silent_failure() -> None:
    with pytest.raises(CommandFailed, match=r"^`false` failed with status 1$"):
        run(["false"], timeout=10)


def test_a_program_that_was_killed() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(shell("kill -KILL $$"), timeout=10)
    assert caught.value.status == -signal.SIGKILL


def test_a_missing_program() -> None:
    with pytest.raises(CommandMissing, match="`no-such-program` is not installed"):
        run(["no-such-program", "x"], timeout=10)


def test_a_program_that_may_not_be_run(tmp_path: Path) -> None:
    (path := tmp_path / "program").write_text("text")
    with pytest.raises(CommandMissing, match="permission denied"):
        run([str(path)], timeout=10)


def test_a_program_that_is_none(tmp_path: Path) -> None:
    (path := tmp_path / "program").write_text("no program")
    path.chmod(0o755)
    with pytest.raises(CommandMissing, match="cannot be run"):
        run([str(path)], timeout=10)


def test_the_limit_ends_the_whole_group(tmp_path: Path, pids: Callable[[], list[int]]) -> None:
    script = f"sleep 300 & echo $$ $! > {tmp_path}/pids; echo working >&2; wait"
    started = time.monotonic()
    with pytest.raises(TimeoutExpired, match="did not end within 1s; last seen: working"):
        run(shell(script), timeout=1)
    assert time.monotonic() - started < 10
    assert len(pids()) == 2
    assert eventually(lambda: all(map(is_gone, pids())))


def test_what_does_not_hear_is_killed(tmp_path: Path, pids: Callable[[], list[int]]) -> None:
    script = f"trap '' TERM; echo $$ > {tmp_path}/pids; while :; do sleep 0.1; done"
    with pytest.raises(TimeoutExpired):
        run(shell(script), timeout=0.5)
    assert eventually(lambda: all(map(is_gone, pids())))


def test_a_child_that_does_not_hear_is_killed_too(tmp_path: Path, pids: Callable[[], list[int]]) -> None:
    child = f"trap '' TERM; echo $BASHPID > {tmp_path}/pids; while :; do sleep 0.1; done"
    with pytest.raises(TimeoutExpired):
        run(shell(f"( {child} ) & wait"), timeout=1)
    assert pids()
    assert eventually(lambda: all(map(is_gone, pids())))


def test_an_interrupt_ends_the_whole_group(tmp_path: Path, pids: Callable[[], list[int]]) -> None:
    def interrupt() -> None:
        if eventually(lambda: len(pids()) == 2):
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(shell(f"sleep 300 & echo $$ $! > {tmp_path}/pids; wait"), timeout=30)
    thread.join()
    assert eventually(lambda: all(map(is_gone, pids())))


def test_a_background_child_does_not_hold_up_the_end(tmp_path: Path, pids: Callable[[], list[int]]) -> None:
    """A program that leaves one behind, with its output open, is still done when it ends itself."""
    started = time.monotonic()
    assert run(shell(f"echo done; sleep 300 & echo $! > {tmp_path}/pids"), timeout=60) == "done\n"
    assert time.monotonic() - started < 30, "it was not waited for"
    assert eventually(lambda: all(map(is_gone, pids())))


def test_a_pipe_takes_everything_across(tmp_path: Path) -> None:
    target = tmp_path / "target"
    pipe(shell("head -c 3000000 /dev/zero"), shell(f"cat > {target}; echo said; echo heard >&2"), timeout=20)
    assert target.stat().st_size == 3_000_000


@pytest.mark.parametrize(
    ("source", "sink", "culprit", "said"),
    [
        ("echo no such image >&2; exit 1", "cat; exit 2", 1, "no such image"),
        ("cat /dev/zero", "echo no such node >&2; exit 3", 3, "no such node"),
        (
            "cat /dev/zero || { echo write: broken pipe >&2; exit 1; }",
            "echo disk full >&2; exit 4",
            4,
            "disk full",
        ),
        ("echo all; exit 5", "cat > /dev/null", 5, ""),
    ],
)
def test_a_pipe_names_the_end_that_broke(source: str, sink: str, culprit: int, said: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        pipe(shell(source), shell(sink), timeout=20)
    assert (caught.value.status, caught.value.output.strip()) == (culprit, said)


def test_a_pipe_that_stalls_is_ended_at_both_ends(tmp_path: Path, pids: Callable[[], list[int]]) -> None:
    source = shell(f"echo $$ > {tmp_path}/pids1; exec sleep 60")
    sink = shell(f"echo $$ > {tmp_path}/pids2; echo waiting >&2; exec cat")
    with pytest.raises(TimeoutExpired, match="waiting"):
        pipe(source, sink, timeout=1)
    assert len(pids()) == 2
    assert eventually(lambda: all(map(is_gone, pids())))
