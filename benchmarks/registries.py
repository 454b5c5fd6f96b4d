"""Registries to measure against: with many small images, or with a large one; and `wrk`, the limit of requests."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.registry import programs

from benchmarks.measure import Contender, Role, Sample, surroundings
from benchmarks.storage_tree import fill
from ducklake_registry.oci import Descriptor, Manifest, media_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.registry.programs import RunningRegistry

LARGE = "bench/large"

_SCRIPT = """
local lines, i = {}, 0
for line in io.lines("%s") do lines[#lines + 1] = line end
local headers = { Accept = "%s" }
request = function()
  i = i %% #lines + 1
  local path, known = lines[i]:match("(%%S+) ?(.*)")
  headers["If-None-Match"] = known ~= "" and known or nil
  return wrk.format("GET", path, headers)
end
"""


@contextmanager
def filled_registry(repositories: int, tags: int) -> Iterator[RunningRegistry]:
    """Run distribution 3.1 with so many images, with nothing of them in its own caches."""
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as name:
        folder = Path(name)
        fill(folder / "storage", repositories, tags)
        with programs.running("3.1", folder) as registry:
            yield registry


@contextmanager
def empty_registry(folder: Path) -> Iterator[RunningRegistry]:
    """Run distribution 3.1 with nothing in it."""
    with programs.running("3.1", folder) as registry:
        yield registry


def push_large(registry: RunningRegistry, megabytes: int) -> None:
    """Push an image of two incompressible layers as LARGE:v1."""
    layers = [os.urandom(megabytes * 500_000) for _ in range(2)]
    config = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
    with registry.client() as client:
        for blob in (config, *layers):
            client.upload_blob(LARGE, blob)
        described = [Descriptor.of(layer, media_types.OCI_LAYER) for layer in layers]
        client.put_manifest(LARGE, "v1", Manifest.of(Descriptor.of(config, media_types.OCI_CONFIG), described))


def wrk(name: str, registry: str, *requests: tuple[list[str], int]) -> Contender:
    """Return what `wrk` needs for so many requests of each list, by its rate over two seconds.

    A request is a path, and after a space the ETag that is known.
    """
    return Contender(name, Role.LIMIT, partial(_wrk, registry, requests), needs="wrk")


def _wrk(registry: str, requests: tuple[tuple[list[str], int], ...]) -> Sample:
    return Sample(sum(count / _rate(registry, asked) for asked, count in requests))


def _rate(registry: str, asked: list[str]) -> float:
    """Return the requests per second that the registry answers."""
    with tempfile.TemporaryDirectory() as name:
        listed, script = Path(name) / "requests", Path(name) / "script.lua"
        listed.write_text("".join(f"{each}\n" for each in asked))
        script.write_text(_SCRIPT % (listed, media_types.ACCEPT_MANIFESTS))
        words = ["wrk", "-t1", "-c8", "-d2s", "-s", str(script), f"http://{registry}"]
        output = subprocess.run(words, capture_output=True, text=True, check=True, env=surroundings()).stdout
    [rate] = [float(line.split()[1]) for line in output.splitlines() if line.startswith("Requests/sec")]
    return rate
