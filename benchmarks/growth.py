"""Time and memory of lists as a registry grows, plotted to docs/pictures/growth.png.

python -m benchmarks.growth --sizes 100 1000 5000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.lists import DLR, filled_registry, run, seconds

PICTURE = Path(__file__).parents[1] / "docs/pictures/growth.png"
Measured = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--tags", type=int, default=10)
    options = parser.parse_args()
    found: dict[str, list[Measured]] = {}
    for size in options.sizes:
        with filled_registry(size, options.tags) as registry, tempfile.TemporaryDirectory() as cache:
            whole = [*DLR, "--registry", registry.host]
            for name, words in (
                ("all details, first run", whole),
                ("all details, from the cache", whole),
                ("tags alone", [*whole, "--no-details"]),
            ):
                # A process of its own for each, since the memory of children is known only as the most of all.
                with ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:
                    found.setdefault(name, []).append(pool.submit(measure, words, cache).result())
                taken, memory = found[name][-1]
                print(f"{size:6} repositories  {name:28} {taken:7.2f} s  {memory:6.0f} MB", flush=True)
    plot(options.sizes, options.tags, found)


def measure(words: list[str], cache: str) -> Measured:
    """Return a run's seconds, and the most memory that it had, in megabytes."""
    taken = seconds(lambda: run(*words, DLR_CACHE_DIR=cache))
    return taken, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


def plot(sizes: list[int], tags: int, found: dict[str, list[Measured]]) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, (times, memory) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for name, measured in found.items():
        times.plot(sizes, [each[0] for each in measured], marker="o", label=name)
        memory.plot(sizes, [each[1] for each in measured], marker="o", label=name)
    for axes, label in ((times, "seconds"), (memory, "megabytes, at the most")):
        axes.set(xlabel=f"repositories, {tags} images each", ylabel=label, ylim=(0, None), xlim=(0, None))
        axes.grid(alpha=0.3)
    times.legend()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
