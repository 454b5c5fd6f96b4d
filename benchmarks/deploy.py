"""How long `dlr deploy-kind` takes, against `kind create cluster --wait` from the same node image.

Deletion is not counted. The clusters, host port and kubeconfigs are the benchmark's own. Ends with 1 above the
goal.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ducklake_registry.engine import Engine
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from ducklake_registry.workflows.node_image import choose_node_image

GOAL = 1.3
DLR = str(Path(sys.executable).with_name("dlr"))
LIMIT = 600


def commands(image: str, port: int, folder: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Return, by name, what is measured and what takes it away again."""
    own = f"--kubeconfig={folder}"
    return {
        "dlr deploy-kind": (
            [DLR, "deploy-kind", "--name=bench-dlr", f"--host-port={port}", f"--node-image={image}", f"{own}/dlr"],
            [DLR, "destroy-kind", "--name=bench-dlr", "--yes", f"{own}/dlr"],
        ),
        "kind create cluster": (
            ["kind", "create", "cluster", "--name=bench-kind", f"--image={image}", "--wait=120s", f"{own}/kind"],
            ["kind", "delete", "cluster", "--name=bench-kind", f"{own}/kind"],
        ),
    }


def seconds(making: list[str], removing: list[str]) -> float:
    """Return how long making takes; what was made is removed, also when it failed."""
    try:
        started = time.perf_counter()
        run(making)
        return time.perf_counter() - started
    finally:
        run(removing)


def run(argv: list[str]) -> None:
    """Run a program, showing what it said only when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT, check=False, env=surroundings())
    if done.returncode:
        sys.exit(f"{' '.join(argv)} failed with {done.returncode}\n{done.stdout}{done.stderr}")


def surroundings() -> dict[str, str]:
    """Return the environment without what would change the commands."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("DLR_", "KUBECONFIG"))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--host-port", type=int, default=5072)
    parser.add_argument("--node-image", help="default: what dlr deploy-kind would take")
    arguments = parser.parse_args()
    image = choose_node_image(arguments.node_image, Engine(), Deadline(LIMIT), silent).reference
    if image is None:
        parser.error("name the image of both with --node-image")
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as folder:
        programs = commands(image, arguments.host_port, Path(folder))
        order = [name for _ in range(arguments.runs) for name in random.sample(list(programs), len(programs))]
        times: dict[str, list[float]] = {name: [] for name in programs}
        for name in order:
            times[name].append(seconds(*programs[name]))
            print(f"{name:<20} {times[name][-1]:6.1f} s", flush=True)
    medians = {name: statistics.median(found) for name, found in times.items()}
    ratio = medians["dlr deploy-kind"] / medians["kind create cluster"]
    print(f"{'ratio of medians':<20} {ratio:6.2f}   (goal: at most {GOAL}; {image})")
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
