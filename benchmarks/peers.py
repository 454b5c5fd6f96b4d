"""The peers: what they are, and how they are installed."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from benchmarks.measure import find, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

_GO = {"regctl": "github.com/regclient/regclient/cmd/regctl@v0.11.7"}
_DEBIAN = ("wrk", "curl")
_NUMBER = re.compile(r"[0-9]+\.[0-9]+[^\s,]*")
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
    """Yield what to type; the first brings those that the tests use too."""
    yield "bootstrap/up --tests"
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
            said = _NUMBER.search(done.stdout)
            yield f"{name} {said[0] if said else 'of an unknown version'}"
