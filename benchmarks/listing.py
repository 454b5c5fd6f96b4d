"""Compare lists of a whole registry: ours, crane's, and the server's own speed as wrk finds it.

Everything runs in turns against the same registry (see seed.py), since only ratios within one run mean
anything. What is read: tags of all repositories; details (digest, size, platforms, creation time) of all images.

    python benchmarks/listing.py localhost:5000 --rounds 3
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake_registry.oci import media_types
from ducklake_registry.registry import RegistryClient, list_images, list_tags

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = """
local paths, i = {}, 0
for line in io.lines("%s") do paths[#paths + 1] = line end
local headers = { Accept = "%s" }
request = function()
  i = i %% #paths + 1
  return wrk.format("GET", paths[i], headers)
end
"""


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def wrk(registry: str, paths: list[str], folder: Path) -> float:
    """Seconds that wrk would need for as many requests, by its rate over a few seconds."""
    listed, script = folder / "paths", folder / "script.lua"
    listed.write_text("".join(f"{path}\n" for path in paths))
    script.write_text(SCRIPT % (listed, media_types.ACCEPT_MANIFESTS))
    words = ["wrk", "-t1", "-c8", "-d3s", "-s", str(script), f"http://{registry}"]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    [rate] = [float(line.split()[1]) for line in output.splitlines() if line.startswith("Requests/sec")]
    return len(paths) / rate


def crane(registry: str) -> None:
    """`crane catalog`, then `crane ls` in four processes."""
    script = f"crane catalog --insecure {registry} | xargs -P4 -I@ crane ls --insecure {registry}/@ > /dev/null"
    subprocess.run(["bash", "-c", script], check=True)


def requests(registry: str) -> tuple[list[str], list[str]]:
    """The paths that a list of tags and one of details ask for."""
    tags, details = [], []
    with RegistryClient(registry) as client:
        for found in list_tags(client):
            tags.append(f"/v2/{found.repository}/tags/list")
            details.append(tags[-1])
            for tag in found.tags[:2]:
                manifest = client.manifest(found.repository, tag)
                config = json.loads(manifest.raw)["config"]["digest"]
                details += [f"/v2/{found.repository}/manifests/{tag}", f"/v2/{found.repository}/blobs/{config}"]
    return tags, details


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("registry")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)
        print(f"{name:28} {value:7.2f} s", flush=True)

    with tempfile.TemporaryDirectory() as name, RegistryClient(options.registry) as client:
        folder = Path(name)
        tags, details = requests(options.registry)
        images = sum(len(listed.tags) for listed in list_tags(client))
        for _ in range(options.rounds):
            note("tags: dlr", seconds(lambda: list(list_tags(client))))
            note("tags: wrk", wrk(options.registry, tags, folder))
            if shutil.which("crane"):
                note("tags: crane, 4 processes", seconds(lambda: crane(options.registry)))
            note("details: dlr", seconds(lambda: list(list_images(client))))
            # wrk samples two images of each repository; scaled to as many requests as all images take.
            note("details: wrk", wrk(options.registry, details, folder) * (len(tags) + 2 * images) / len(details))
    medians = {name: statistics.median(values) for name, values in found.items()}
    print(f"\n{len(tags)} repositories, {images} images, medians of {options.rounds} rounds")
    for ours, theirs in (
        ("tags: dlr", "tags: wrk"),
        ("tags: dlr", "tags: crane, 4 processes"),
        ("details: dlr", "details: wrk"),
    ):
        if theirs in medians:
            print(f"{ours} / {theirs.partition(': ')[2]:20} {medians[ours] / medians[theirs]:6.2f}")


if __name__ == "__main__":
    main()
