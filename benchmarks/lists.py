"""What the benchmarks of lists share: a registry with many images, its peers, and turns in mixed order."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.registry import programs

from benchmarks.storage_tree import fill
from ducklake_registry.oci import media_types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.registry.programs import RunningRegistry

_SCRIPT = """
local paths, i = {}, 0
for line in io.lines("%s") do paths[#paths + 1] = line end
local headers = { Accept = "%s" }
request = function()
  i = i %% #paths + 1
  return wrk.format("GET", paths[i], headers)
end
"""
DLR = (sys.executable, "-m", "ducklake_registry", "list-registry-images", "--quiet")


@contextmanager
def filled_registry(repositories: int, tags: int) -> Iterator[RunningRegistry]:
    """Run distribution 3.1 with so many images, with nothing of them in its own caches."""
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as name:
        folder = Path(name)
        fill(folder / "storage", repositories, tags)
        with programs.running("3.1", folder) as registry:
            yield registry


def run(*words: str, **variables: str) -> None:
    """Run a program to its end, its output thrown away."""
    environ = os.environ | {"DOCKER_CONFIG": "/nonexistent"} | variables
    subprocess.run(words, env=environ, stdout=subprocess.DEVNULL, check=True)


def crane(registry: str) -> None:
    """`crane catalog`, then `crane ls` in four processes."""
    command = f"crane catalog {registry} | xargs -P4 -I@ crane ls {registry}/@"
    path = f"{os.environ['PATH']}:{Path('~/go/bin').expanduser()}"
    run("bash", "-c", command, PATH=path)


def wrk(registry: str, paths: list[str], requests: int) -> float:
    """Return the seconds that wrk would need for so many requests, by its rate over two seconds."""
    with tempfile.TemporaryDirectory() as name:
        listed, script = Path(name) / "paths", Path(name) / "script.lua"
        listed.write_text("".join(f"{path}\n" for path in paths))
        script.write_text(_SCRIPT % (listed, media_types.ACCEPT_MANIFESTS))
        words = ["wrk", "-t1", "-c8", "-d2s", "-s", str(script), f"http://{registry}"]
        output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    [rate] = [float(line.split()[1]) for line in output.splitlines() if line.startswith("Requests/sec")]
    return requests / rate


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes; work that measures itself returns its seconds."""
    start = time.perf_counter()
    measured = work()
    return measured if isinstance(measured, float) else time.perf_counter() - start


def in_turns(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run all works so often, in another order each time, and return the median seconds of each."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        for name in random.sample(list(works), len(works)):
            found[name].append(seconds(works[name]))
            print(f"round {number + 1}  {name:32} {found[name][-1]:7.2f} s", flush=True)
    return {name: statistics.median(values) for name, values in found.items()}


def compare(medians: dict[str, float], pairs: list[tuple[str, str, float]]) -> None:
    """Print each median, then for each pair the ratio and its goal."""
    for name, value in medians.items():
        print(f"{name:32} {value:7.2f} s")
    for ours, theirs, goal in pairs:
        ratio = medians[ours] / medians[theirs]
        print(f"{ours} / {theirs}: {ratio:.2f} (goal {goal}: {'met' if ratio <= goal else 'NOT met'})")
