"""The peers: what they are, and how they are installed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from benchmarks.measure import find, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

_GO = {
    "crane": "github.com/google/go-containerregistry/cmd/crane@v0.22.1",
    "regctl": "github.com/regclient/regclient/cmd/regctl@v0.11.7",
    "oras": "oras.land/oras/cmd/oras@v1.3.6",
}
_DEBIAN = ("wrk", "skopeo", "curl")
_SAY = {
    "dlr": ("dlr", "--version"),
    "crane": ("crane", "version"),
    "regctl": ("regctl", "version", "--format", "{{.VCSTag}}"),
    "oras": ("oras", "version"),
    "skopeo": ("skopeo", "--version"),
    "docker": ("docker", "version", "--format", "{{.Server.Version}}"),
    "kind": ("kind", "version", "-q"),
    "kubectl": ("kubectl", "version", "--client"),
}


def install_commands() -> Iterator[str]:
    """Yield what to type."""
    for module in _GO.values():
        yield f"go install {module}"
    yield f"apt-get install {' '.join(_DEBIAN)}"


def versions() -> Iterator[str]:
    """Yield the name and the version of each program that is here."""
    for name, words in _SAY.items():
        if find(name):
            done = subprocess.run(
                words, capture_output=True, text=True, env=surroundings(), check=False, timeout=30
            )
            said = (done.stdout.split() or [""])[-1] if name != "oras" else done.stdout.split("\n")[0].split()[-1]
            module = _GO.get(name, "")
            yield f"{name} {module.rpartition('@v')[2] if module else said.removeprefix('v')}"
