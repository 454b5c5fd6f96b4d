"""The peers: what they are, and how they are installed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import find, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

_SET_UP = Path(__file__).resolve().parents[1] / "bootstrap" / "versions.sh"
_GO = {
    "sigs.k8s.io/kind": "KIND",
    "github.com/google/go-containerregistry/cmd/crane": "CRANE",
    "oras.land/oras/cmd/oras": "ORAS",
    "github.com/regclient/regclient/cmd/regctl": "v0.11.7",
}
_DEBIAN = ("docker.io", "skopeo", "wrk", "curl")
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
    """Yield what to type; the first brings kubectl too, and all but regctl and wrk where they are missing."""
    yield "bootstrap/up --tests"
    set_up = dict(re.findall(r"\b([A-Z_]+)=(\S+)", _SET_UP.read_text("utf-8")))
    for module, version in _GO.items():
        yield f"go install {module}@{set_up.get(version, version)}"
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
