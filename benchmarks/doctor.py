"""How long `dlr doctor` takes where nothing is wrong, against what it cannot do without.

That is `kubectl get` of the registry's objects and, in a process of its own, the load of the libraries that speak
to the engine, the cluster and the registry. It needs a running environment. Ends with 1 above the goal, or when
`dlr doctor` finds something.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

GOAL = 2.0
LIMIT = 3.0
"""Seconds; only told, since they are the machine's as much as ours."""

LIBRARIES = (
    "import typer, rich.console, httpx, yaml, docker, kubernetes.client, kubernetes.config, kubernetes.dynamic"
)


def programs(context: str) -> dict[str, list[str]]:
    """Return, by name, what is measured."""
    objects = ["get", "pods,services,persistentvolumeclaims,configmaps", "--namespace=storage", "--output=json"]
    return {
        "dlr doctor": [str(Path(sys.executable).with_name("dlr")), "doctor", f"--context={context}"],
        "kubectl get": ["kubectl", f"--context={context}", *objects],
        "import of the libraries": [sys.executable, "-c", LIBRARIES],
    }


def seconds(argv: list[str]) -> float:
    """Return how long a program takes; end with what it said if it fails."""
    started = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--context", default="kind-ducklake-cluster")
    arguments = parser.parse_args()
    measured = programs(arguments.context)
    times: dict[str, list[float]] = {name: [] for name in measured}
    for argv in measured.values():
        seconds(argv)
    order = list(measured) * arguments.runs
    random.shuffle(order)
    for name in order:
        times[name].append(seconds(measured[name]))
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, found in times.items():
        print(f"{name:<26} median {medians[name]:5.2f} s   best {min(found):5.2f} s   worst {max(found):5.2f} s")
    doctor, *others = medians.values()
    ratio = doctor / sum(others)
    print(f"{'ratio to both together':<26} {ratio:.2f} (goal: at most {GOAL:g})")
    print(f"{'within the limit':<26} {'yes' if doctor < LIMIT else 'no'} ({LIMIT:g} s)")
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
