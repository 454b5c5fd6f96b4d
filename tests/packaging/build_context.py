"""What the image of `dlr` is built of."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.docker_command import docker

ROOT = Path(__file__).resolve().parents[2]


def copied(folder: Path) -> Path:
    """Copy what is built, and add what this machine trusts, where it trusts others than everybody."""
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("src", "manifests", "kind"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if trusted := os.environ.get("PIP_CERT"):
        shutil.copy(trusted, folder / "ca.crt")
    return folder


def forget_stages() -> None:
    """Remove from the engine what builders without BuildKit keep of the first stage."""
    docker("image", "prune", "--force", "--filter", "label=ducklake-registry=stage")
