"""A Docker Engine of the tests' own: what would be done to the machine's is done to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a repair needs of a machine, for an engine that no system manager has started.
_SUDO = '#!/bin/sh\nexec "$@"\n'
_SYSTEMCTL = '#!/bin/sh\n[ "$*" = "reload docker" ] && kill -HUP {}\n'


def _why_none() -> str | None:
    missing = [each for each in ("dockerd", "ip", "jq") if not shutil.which(each)]
    if os.geteuid() != 0 or missing:
        return f"an engine of the tests' own needs root, and {', '.join(missing) or 'nothing else'}"
    return None


WHY_NONE = _why_none()
"""Why there can be none on this machine."""


@dataclass(frozen=True)
class OwnEngine:
    """An engine that only a test uses; `folder` has its settings and its socket."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def settings(self) -> Path:
        return self.folder / "daemon.json"

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def typed(self, repair: str, answers: str = "") -> str:
        """Type a command as it stands, on a machine whose engine this is, and return what it says."""
        (there := self.folder / "bin").mkdir(exist_ok=True)
        for name, script in (("sudo", _SUDO), ("systemctl", _SYSTEMCTL.format(self.process.pid))):
            (there / name).write_text(script)
            (there / name).chmod(0o755)
        surroundings = os.environ | {"PATH": f"{there}{os.pathsep}{os.environ['PATH']}", "DOCKER_HOST": self.url}
        done = subprocess.run(
            ["sh", "-c", repair], env=surroundings, input=answers, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{repair}: {done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def own_engine(data: Path) -> Iterator[OwnEngine]:
    """Run an engine that keeps its images in a folder, until the block ends.

    It has a bridge of its own: one that is to have none takes the other engine's away.
    """
    bridge = f"dlr{os.getpid()}"
    subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "address", "add", "198.18.0.1/24", "dev", bridge], check=True)
        with tempfile.TemporaryDirectory(prefix="dlr-") as name:  # a socket's path may not be long
            (folder := Path(name)).joinpath("daemon.json").write_text('{"max-concurrent-uploads": 2}')
            words = _words(folder, data / "engine", bridge)
            with (folder / "log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
                try:
                    _await_answer(folder)
                    yield OwnEngine(folder, process)
                finally:
                    process.terminate()
                    process.wait(30)
    finally:
        subprocess.run(["ip", "link", "delete", bridge], check=True)


def _words(folder: Path, data: Path, bridge: str) -> list[str]:
    return [
        *("dockerd", f"--host=unix://{folder}/docker.sock", f"--config-file={folder}/daemon.json"),
        *(f"--data-root={data}", f"--exec-root={folder}/run", f"--pidfile={folder}/pid", f"--bridge={bridge}"),
        *("--containerd-namespace=dlr-tests", "--containerd-plugins-namespace=dlr-tests-plugins"),
        *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--storage-driver=vfs"),
    ]


def _await_answer(folder: Path) -> None:
    asking = ["docker", "--host", f"unix://{folder}/docker.sock", "version"]
    end = time.monotonic() + 60
    while subprocess.run(asking, capture_output=True, check=False).returncode:
        assert time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.2)
