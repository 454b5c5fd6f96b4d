"""The user's own `docker`, which tells what the engine has."""

from __future__ import annotations

import json
import subprocess
from typing import Any


def docker(*words: str, check: bool = True) -> str:
    """Run `docker` and return what it prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def docker_inspect(name: str) -> dict[str, Any]:
    """Return what the engine says of an image."""
    found: dict[str, Any] = json.loads(docker("image", "inspect", name))[0]
    return found


def forget_images(repository: str) -> None:
    """Take what is called so, on whatever registry, from the engine; what has lost its tag goes by its digest."""
    form = "{{.Repository}} {{.Tag}} {{.Digest}}"
    for line in docker("images", "--digests", "--format", form).splitlines():
        name, tag, digest = line.split(" ")
        if f"/{name}".endswith(f"/{repository}"):
            # It may have gone with another.
            docker("rmi", "--force", f"{name}@{digest}" if tag == "<none>" else f"{name}:{tag}", check=False)
