"""Real registries as programs: each on a free port of the loopback, with storage of its own."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ducklake_registry.registry import RegistryClient

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "dev", "correct horse"
# bcrypt of the password above.
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n"

# The set-up's, of root and of others (`STATE` in bootstrap/lib/common.sh), and the test bed's.
_STATES = (
    os.environ.get("DLR_BOOTSTRAP_STATE", "/var/cache/dlr-bootstrap"),
    f"{os.environ.get('XDG_CACHE_HOME', Path.home() / '.cache')}/dlr-bootstrap",
    "/var/cache/dlr-testbed",
)
_START_SECONDS = 20.0

OLAREG = "olareg"
"""Another registry, which lists referrers itself, as distribution does not."""


def find_program(release: str) -> Path | None:
    """The registry program of a release: 3.1 is ours, 2.8 is Debian's `docker-registry`; or olareg."""
    if release == OLAREG:
        found = find(release)
    elif release == "2.8":
        found = shutil.which("docker-registry")
    else:
        found = os.environ.get("DLR_TEST_REGISTRY") or find("registry")
    return Path(found) if found else None


def find(name: str) -> str | None:
    """A program of the PATH, or of those that `bootstrap/up --tests` has seen to."""
    folders = (os.environ.get("PATH", os.defpath), *(f"{each}/bin" for each in _STATES))
    return shutil.which(name, path=os.pathsep.join(folders))


@dataclass(frozen=True, slots=True)
class RunningRegistry:
    """A registry that answers; `storage` is where it keeps its files."""

    release: str
    host: str
    storage: Path
    ca_file: Path | None = None
    log: Path = field(default=Path("/dev/null"))

    @property
    def url(self) -> str:
        return f"{'https' if self.ca_file else 'http'}://{self.host}"

    def client(self, **options: Any) -> RegistryClient:
        options.setdefault("auth", None)
        return RegistryClient(self.url, timeout=options.pop("timeout", 20.0), **options)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Configured:
    """A registry that can be started on its port and storage, as often as it ends."""

    words: tuple[str | Path, ...]
    file: Path
    registry: RunningRegistry
    port: int
    tls: bool

    def start(self) -> subprocess.Popen[bytes]:
        """Start it and wait until it answers; the log goes on."""
        environ = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        with self.registry.log.open("a") as output:
            process = subprocess.Popen(self.words, stdout=output, stderr=output, env=environ)
        try:
            _await_answer(process, self.port, self.registry.log, tls=self.tls)
        except BaseException:
            _end(process)
            raise
        return process


def configured(
    release: str,
    folder: Path,
    *,
    storage: Path | None = None,
    ca_file: Path | None = None,
    delete: bool = True,
    readonly: bool = False,
    auth: dict[str, Any] | None = None,
    tls: dict[str, Any] | None = None,
    port: int | None = None,
    catalog: dict[str, Any] | None = None,
    room: str | None = None,
    address: str = "127.0.0.1",
) -> Configured:
    """Write the configuration of a registry, on a free port or a given one.

    With `room` its storage is a file system of its own of that size, which nobody else sees.
    """
    program = find_program(release)
    assert program, release
    port = port or free_port()
    storage = storage or folder / "storage"
    config = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": delete},
            "maintenance": {"readonly": {"enabled": readonly}},
        },
        "http": {"addr": f"{address}:{port}", "secret": "for these tests", **({"tls": tls} if tls else {})},
        **({"auth": auth} if auth else {}),
        **({"catalog": catalog} if catalog else {}),
    }
    file, log = folder / f"{port}.yml", folder / f"{port}.log"
    file.write_text(yaml.safe_dump(config))
    log.write_text("")
    registry = RunningRegistry(release, f"localhost:{port}", storage, ca_file, log)
    words = (*(_with_room(storage, room) if room else ()), program, "serve", file)
    return Configured(words, file, registry, port, tls is not None)


@contextmanager
def running(release: str, folder: Path, **options: Any) -> Iterator[RunningRegistry]:
    """Run a registry until the block ends; the options are those of `configured`, what it logged is in `log`."""
    ready = configured(release, folder, **options)
    process = ready.start()
    try:
        yield ready.registry
    finally:
        _end(process)


@contextmanager
def running_olareg(folder: Path, *deletes: str) -> Iterator[RunningRegistry]:
    """Run olareg until the block ends; `deletes` are the flags for what it lets one delete."""
    program = find_program(OLAREG)
    assert program, OLAREG
    port, log, storage = free_port(), folder / "olareg.log", folder / "olareg"
    storage.mkdir()
    registry = RunningRegistry(OLAREG, f"localhost:{port}", storage, log=log)
    place = ("--addr", "127.0.0.1", "--port", str(port), "--dir", storage)
    words: tuple[str | Path, ...] = (program, "serve", *place, *deletes)
    process = Configured(words, log, registry, port, tls=False).start()
    try:
        yield registry
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(10)


def _with_room(storage: Path, room: str) -> list[str]:
    """Words before a command: it gets a mount that goes when it ends."""
    storage.mkdir(exist_ok=True)
    who = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'mount -t tmpfs -o size={room} tmpfs "$0" && exec "$@"'
    return ["unshare", *who, "--mount", "sh", "-c", script, str(storage)]


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path, *, tls: bool) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            _ask(port, tls=tls)
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"no answer within {_START_SECONDS} s:\n{log.read_text()}")


def _ask(port: int, *, tls: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        # A registry that wants a client certificate refuses ours only after this handshake.
        with socket.create_connection(("127.0.0.1", port), 5) as sock, context.wrap_socket(sock):
            return
    connection.request("GET", "/v2/")
    connection.getresponse().read()
    connection.close()
