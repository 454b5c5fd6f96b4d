"""Measure what the project promises, against its peers, and write docs/benchmarks.md.

python -m benchmarks                            # everything, as it is on the page
python -m benchmarks --only save --rounds 3     # what is kept of the others stays on the page
python -m benchmarks --scale 0.05 --rounds 1    # small, to see whether it works; nothing is kept
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks import deploy, engine, growth, list_images, list_tags, standing, startup, transfer, transports
from benchmarks.kept import keep, now
from benchmarks.measure import Benchmark, Measured, Sample, Scale, median, take_turns
from benchmarks.page import judge, write

ALL = (
    startup.BENCHMARK,
    deploy.BENCHMARK,
    standing.BENCHMARK,
    list_tags.BENCHMARK,
    list_images.BENCHMARK,
    growth.BENCHMARK,
    transfer.SAVE,
    transfer.LOAD,
    engine.BENCHMARK,
    transports.SMALL,
    transports.LARGE_BLOB,
)


def main() -> int:
    """Measure; return the exit code, which is 1 where a goal is not met."""
    arguments = read_arguments()
    scale = Scale(arguments.scale)
    good = True
    for benchmark in ALL:
        if arguments.only and benchmark.name not in arguments.only:
            continue
        print(f"== {benchmark.title}", flush=True)
        load = os.getloadavg()[0]
        with benchmark.prepare(scale) as contenders:
            measured = take_turns(contenders, arguments.rounds or benchmark.rounds, tell)
        good = conclude(benchmark, measured) and good
        if scale.factor == 1 and arguments.rounds != 1:
            keep(benchmark.name, now(measured, load), anew=arguments.anew)
            write(ALL)
    return int(not good)


def tell(number: int, name: str, sample: Sample) -> None:
    """Show a measurement as it comes."""
    print(f"round {number}  {name:28} {sample.seconds:8.2f} s", flush=True)


def conclude(benchmark: Benchmark, measured: Measured) -> bool:
    """Print the medians and what has come of the goals; return whether all are met."""
    for name, samples in sorted(measured.samples.items(), key=lambda each: median(each[1])):
        print(f"{name:36} {median(samples):8.2f} s  {max(each.memory for each in samples) / 1e6:5.0f} MB")
    for each in measured.missing:
        print(f"not measured: {each}")
    verdicts = [judge(goal, measured) for goal in benchmark.goals]
    for verdict in verdicts:
        found = "?" if verdict.found is None else verdict.number(verdict.found)
        print(
            f"{verdict.goal.what}: {found} (goal {verdict.number(verdict.goal.most)}: {verdict.words.strip('*')})"
        )
    return all(verdict.met for verdict in verdicts)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [each.name for each in ALL]
    parser.add_argument("--only", action="append", choices=names, help="one of the benchmarks; repeatable")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured, instead of the usual")
    parser.add_argument("--scale", type=float, default=1, help="a part of the full size; then nothing is kept")
    parser.add_argument("--anew", action="store_true", help="forget what is kept of the ones that are measured")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
