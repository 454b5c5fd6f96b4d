"""Running other programs: a list of words, a time limit, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from typing import IO, TYPE_CHECKING

from ducklake_registry.errors import DlrError, TimeoutExpired
from ducklake_registry.step import silent
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_GRACE = 3.0
"""Seconds between asking a program to end and ending it."""

_POLL = 0.02

_running: set[subprocess.Popen[str]] = set()


class CommandMissing(DlrError):
    """The program is not on the PATH."""


class CommandFailed(DlrError):
    """The program ended with another status than 0; `output` holds the last lines of its standard error."""

    def __init__(self, argv: Sequence[str], status: int, output: str) -> None:
        said = f": {output.splitlines()[-1].strip()}" if output.strip() else ""
        super().__init__(f"`{' '.join(argv[:3])}` failed with status {status}{said}")
        self.status = status
        self.output = output


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    on_line: Callable[[str], None] = silent,
    stdin: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    `timeout` is in seconds; `on_line` is called with each line of its standard error as it comes; `variables` are
    added to its environment. The program has a process group of its own: whatever ends the wait (its end, the
    limit, Ctrl-C, an error), all that is left of the group is ended before this returns. Raises CommandMissing,
    CommandFailed, TimeoutExpired.
    """
    with _started(argv, subprocess.DEVNULL if stdin is None else subprocess.PIPE, variables) as process:
        errors: deque[str] = deque(maxlen=200)
        output: list[str] = []

        def take(line: str) -> None:
            errors.append(line)
            on_line(line.rstrip())

        readers = [_reading(process.stderr, take), _reading(process.stdout, output.append)]
        _feed(process, stdin)
        status = _status(process, argv, timeout, errors)
    for reader in readers:
        reader.join(_GRACE)
    if status:
        raise CommandFailed(argv, status, "".join(errors))
    return "".join(output)


def pipe(source: Sequence[str], sink: Sequence[str], *, timeout: float) -> None:
    """Run two programs, the output of the first being the input of the second, until both have ended.

    `timeout` is in seconds and for both. Raises what `run` raises, for the program that failed by itself.
    """
    end = time.monotonic() + timeout
    with _started(source, subprocess.DEVNULL) as first, _started(sink, first.stdout) as second:
        assert first.stdout is not None  # noqa: S101
        first.stdout.close()  # so that the first program notices when the second one ends
        said, heard = deque[str](maxlen=200), deque[str](maxlen=200)
        readers = [_reading(first.stderr, said.append), _reading(second.stderr, heard.append)]
        readers.append(_reading(second.stdout, silent))
        taken = _status(second, sink, end - time.monotonic(), heard)
        given = _status(first, source, end - time.monotonic(), said)
    for reader in readers:
        reader.join(_GRACE)
    if given and not (taken and _lost_its_reader(given, said)):
        raise CommandFailed(source, given, "".join(said))
    if taken:
        raise CommandFailed(sink, taken, "".join(heard))


def _lost_its_reader(status: int, errors: Sequence[str]) -> bool:
    """Return whether a program failed only since nobody took its output."""
    return status == -signal.SIGPIPE or any("broken pipe" in line.lower() for line in errors)


def _status(process: subprocess.Popen[str], argv: Sequence[str], timeout: float, errors: Sequence[str]) -> int:
    """Wait for a program's end; raises TimeoutExpired, with the last line of its standard error."""
    try:
        return process.wait(max(0, timeout))
    except subprocess.TimeoutExpired as error:
        last = errors[-1].strip() if errors else "nothing"
        limit = spoken_duration(timeout)
        message = f"`{' '.join(argv[:3])}` did not end within {limit}; last seen: {last}"
        raise TimeoutExpired(message) from error


@contextlib.contextmanager
def _started(
    argv: Sequence[str], stdin: int | IO[str] | None, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    try:
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **(variables or {})},
            start_new_session=True,
            # Python's own files are not inherited; the lock on the cluster is meant to be (see lock.py).
            close_fds=False,
        )
    except FileNotFoundError as error:
        raise CommandMissing(f"`{argv[0]}` is not installed, or not on the PATH") from error
    except PermissionError as error:
        raise CommandMissing(f"`{argv[0]}` may not be run: permission denied") from error
    except OSError as error:
        raise CommandMissing(f"`{argv[0]}` cannot be run: {error.strerror}") from error
    _running.add(process)
    try:
        yield process
    finally:
        _end(process)
        _running.discard(process)


def end_all() -> None:
    """End every program that is still run, in whichever thread: for the moment when `dlr` itself ends."""
    for process in tuple(_running):
        _end(process)


def _reading(stream: IO[str] | None, take: Callable[[str], object]) -> threading.Thread:
    def read() -> None:
        assert stream is not None  # noqa: S101
        with stream:
            for line in stream:
                take(line)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _feed(process: subprocess.Popen[str], stdin: str | None) -> None:
    """Write the input beside the wait: a program that does not read it is not waited for here."""

    def write() -> None:
        assert process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(stdin or "")

    if stdin is not None:
        threading.Thread(target=write, daemon=True).start()


def _end(process: subprocess.Popen[str]) -> None:
    """End what is left of the program's group, kindly first."""
    try:
        _signal(process, signal.SIGTERM)
        end = time.monotonic() + _GRACE
        while _is_there(process) and time.monotonic() < end:
            time.sleep(_POLL)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _is_there(process: subprocess.Popen[str]) -> bool:
    process.poll()  # an ended program counts as one of its group until it is asked how it ended
    return _signal(process, 0)


def _signal(process: subprocess.Popen[str], number: int) -> bool:
    """Send a signal to the program's group; return whether anything of it was there."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # macOS refuses where all that is left has ended
        return False
    return True
