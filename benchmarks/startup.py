"""How long `dlr --help` takes, against importing what it cannot do without. Ends with 1 above the goal."""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

GOAL = 1.6
PROGRAMS = {
    "dlr --help": [str(Path(sys.executable).with_name("dlr")), "--help"],
    "import typer, rich.console": [sys.executable, "-c", "import typer, rich.console"],
}


def seconds(argv: list[str]) -> float:
    """Return how long a program takes."""
    started = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def measured(runs: int) -> dict[str, list[float]]:
    """Return each program's times, in an order that gives none the better moments; the first are not counted."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for argv in PROGRAMS.values():
        seconds(argv)
    order = list(PROGRAMS) * runs
    random.shuffle(order)
    for name in order:
        times[name].append(seconds(PROGRAMS[name]))
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    times = measured(parser.parse_args().runs)
    for name, found in times.items():
        print(f"{name:<28} median {statistics.median(found) * 1000:5.0f} ms   best {min(found) * 1000:5.0f} ms")
    ratio = statistics.median(times["dlr --help"]) / statistics.median(times["import typer, rich.console"])
    print(f"{'ratio':<28} {ratio:.2f} (goal: at most {GOAL})")
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
