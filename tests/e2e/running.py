"""A `dlr` that goes on until it is told to end, and what it says meanwhile."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.conftest import Environment


@dataclass
class Running:
    """A `dlr` that goes on until it is told to end."""

    process: subprocess.Popen[bytes]
    out: list[str]
    err: list[str]

    def wait_for(self, what: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"out: {self.out}, err: {self.err}"
            assert self.process.poll() is None, f"it ended: {self.out}, {self.err}"
            time.sleep(0.1)

    def interrupt(self) -> tuple[int, float]:
        """Press Ctrl-C; return the exit code and how long the end took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20), time.monotonic() - start


@contextlib.contextmanager
def running(environment: Environment, *words: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ducklake_registry", *words],
        env=environment.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    found = Running(process, [], [])
    readers = [
        threading.Thread(target=lambda s=stream, t=to: t.extend(iter(lambda: s.readline().decode(), "")))
        for stream, to in ((process.stdout, found.out), (process.stderr, found.err))
    ]
    for reader in readers:
        reader.start()
    try:
        yield found
    finally:
        process.kill()
        process.wait()
        for reader in readers:
            reader.join()
        for stream in (process.stdout, process.stderr):
            assert stream
            stream.close()
