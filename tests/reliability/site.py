"""Where commands are disturbed: a registry that can be killed, a proxy before it, and `dlr` as it is typed."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ducklake_registry.oci import media_types
from ducklake_registry.registry import tls_context
from tests.registry import certificates, programs
from tests.reliability.experiment import Lost
from tests.reliability.proxy import proxy_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient
    from tests.registry.programs import Configured
    from tests.reliability.proxy import Proxy

_SECONDS = 90
"""Longer than any command here should take, whatever is broken: it is told to wait no longer than 20 s."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def well(self) -> bool:
        return self.code == 0

    def check_told(self) -> None:
        """Check that one clear error is there, and nothing that looks like a bug."""
        said = self.stderr.splitlines()
        errors = [number for number, line in enumerate(said) if line.startswith("error: ")]
        # A list goes on past what it cannot read, and names it.
        goes_on = self.code == 1 and "✗" in self.stdout
        assert "Traceback" not in self.stderr + self.stdout, self.stderr
        assert len(errors) == 1 or goes_on, f"exit code {self.code}, but it says {self.stderr!r}"
        assert all(line.startswith("hint: ") for line in said[errors[0] + 1 :]) if errors else True, self.stderr
        assert self.code in {1, 4, 5, 6}, f"exit code {self.code}: {self.stderr}"


@dataclass(slots=True)
class Registry:
    """A registry program that can be killed and started again."""

    configured: Configured
    _process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._process = self.configured.start()

    def kill(self) -> None:
        """End it as the kernel does when memory is short: it learns nothing of it."""
        self._process.kill()
        self._process.wait(10)

    def start(self) -> None:
        self._process = self.configured.start()

    @property
    def port(self) -> int:
        return self.configured.port

    def client(self) -> RegistryClient:
        """Return a client that goes straight there, past the proxy."""
        ca_file = self.configured.registry.ca_file
        return self.configured.registry.client(verify=tls_context(ca_file=ca_file) if ca_file else True)

    def connection(self) -> http.client.HTTPConnection:
        """Return a plain connection that goes straight there."""
        ca_file = self.configured.registry.ca_file
        if ca_file is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        context = ssl.create_default_context(cafile=str(ca_file))
        return http.client.HTTPSConnection("localhost", self.port, timeout=20, context=context)


@dataclass(slots=True)
class Site:
    """The parts, and a folder for files; `wrong` is what has to be told of each command."""

    registry: Registry
    proxy: Proxy
    folder: Path
    environ: dict[str, str]

    def dlr(self, *words: str) -> Ended:
        """Run a command through the proxy, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "ducklake_registry", *words],
            env=self.environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def image_in_registry(self, repository: str, target: str) -> str:
        """Return the digest of an image, every byte of it read and compared; "" where nothing has its name.

        This is not done by what is tested here, but by plain requests. Raises Lost for an image that is half
        there.
        """
        connection = self.registry.connection()
        try:
            return _read_image(connection, repository, target)
        finally:
            connection.close()


@contextmanager
def site(folder: Path, *, tls: bool = False) -> Iterator[Site]:
    """Have a registry and a proxy until the block ends; with `tls` they are spoken to over it."""
    folder.mkdir(parents=True, exist_ok=True)
    registry = Registry(programs.configured("3.1", folder, **(_secured(folder) if tls else {})))
    try:
        with proxy_to(registry.port) as proxy:
            environ = _surroundings(folder, f"{'https' if tls else 'http'}://{proxy.host}")
            if ca_file := registry.configured.registry.ca_file:
                environ["DLR_CA_FILE"] = str(ca_file)
            yield Site(registry, proxy, folder, environ)
    finally:
        registry.kill()


def _secured(folder: Path) -> dict[str, Any]:
    by = certificates.authority(folder)
    pair = certificates.signed(folder, by, "server", "DNS:localhost")
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    return {"tls": tls, "ca_file": by.certificate}


def _surroundings(folder: Path, host: str) -> dict[str, str]:
    (home := folder / "home").mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "DOCKER_HOST", "LANG"}}
    own = {"HOME": str(home), "DLR_REGISTRY": host, "DLR_TIMEOUT": "20s", "COLUMNS": "200", "DLR_NO_CACHE": "1"}
    return kept | own


def _read_image(connection: http.client.HTTPConnection, repository: str, target: str) -> str:
    connection.request("GET", f"/v2/{repository}/manifests/{target}", headers=_ACCEPT)
    answer = connection.getresponse()
    raw = answer.read()
    if answer.status == 404:
        return ""
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if answer.status != 200 or digest != answer.headers["Docker-Content-Digest"]:
        raise Lost(f"{repository}:{target}: status {answer.status}, content {raw[:100]!r}")
    document: dict[str, Any] = json.loads(raw)
    for part in document.get("manifests", ()):
        if not _read_image(connection, repository, part["digest"]):
            raise Lost(f"{repository}:{target} lists {part['digest']}, which is not there")
    for blob in [document["config"], *document["layers"]] if "config" in document else []:
        _check_blob(connection, repository, blob["digest"], blob["size"])
    return digest


def _check_blob(connection: http.client.HTTPConnection, repository: str, digest: str, size: int) -> None:
    connection.request("GET", f"/v2/{repository}/blobs/{digest}")
    answer = connection.getresponse()
    content = answer.read()
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if answer.status != 200 or found != digest or len(content) != size:
        raise Lost(f"{repository}@{digest}: status {answer.status}, {len(content)} bytes, which are {found}")


_ACCEPT = {"Accept": media_types.ACCEPT_MANIFESTS}
