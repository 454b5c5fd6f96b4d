"""Break things many times and write docs/reliability.md: what was broken, how often, and what was lost.

    python -m scripts.reliability                       # whatever is still missing of the full series
    python -m scripts.reliability --only cuts --count 50

A full series is kept in docs/results/ piece by piece, and goes on there when this is run again. With --count,
--first or another seed nothing is kept and no page is written. Ends with 1 where something was lost or failed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tests.reliability.experiment import Plan
from tests.reliability.page import page
from tests.reliability.results import EXPERIMENTS, Chunk, Result, Series, chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.reliability.experiment import Outcome

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
KEPT = ROOT / "docs" / "results" / "reliability.json"
SEED = 20261125
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def run_chunk(chunk: Chunk, seed: int, done: Callable[[int], None] = lambda _: None) -> Outcome:
    """Run one chunk, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dlr-reliability-") as folder:
        plan = Plan(chunk.count, seed, Path(folder), done, chunk.first)
        return EXPERIMENTS[chunk.experiment].run(plan)


def outcomes(
    todo: list[Chunk], seed: int, jobs: int, until: float, advance: Callable[[str, int], None]
) -> Iterator[tuple[Chunk, Outcome]]:
    """Run chunks, those that may side by side; begin none after `until` (of time.monotonic)."""
    beside = [chunk for chunk in todo if EXPERIMENTS[chunk.experiment].beside and len(todo) > 1]
    for chunk in todo:
        if chunk not in beside and time.monotonic() < until:
            yield chunk, run_chunk(chunk, seed, partial(advance, chunk.experiment))
    # Each in a process of its own, which starts afresh: threads of one are of no use to another.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        while beside and time.monotonic() < until:
            now, beside = beside[:jobs], beside[jobs:]
            futures = {pool.submit(run_chunk, chunk, seed): chunk for chunk in now}
            for future in as_completed(futures):
                advance(futures[future].experiment, futures[future].count)
                yield futures[future], future.result()


def main() -> int:
    """Run what is asked for; return the exit code."""
    arguments = read_arguments()
    console = Console(stderr=True)
    short = bool(arguments.count or arguments.first or arguments.seed != SEED)
    series = Series(KEPT, anew=True) if short or arguments.anew else Series.read(KEPT)
    todo = [chunk for name in arguments.only or EXPERIMENTS for chunk in wanted(name, arguments)]
    todo = [chunk for chunk in todo if not series.has(chunk, arguments.seed)]
    good = True
    with Progress(*_COLUMNS, console=console) as progress:
        tasks = {name: progress.add_task(name, total=total) for name, total in totals(todo).items()}

        def advance(name: str, count: int) -> None:
            progress.advance(tasks[name], count)

        until = time.monotonic() + 60 * arguments.minutes
        for chunk, outcome in outcomes(todo, arguments.seed, arguments.jobs, until, advance):
            good = good and outcome.holds
            for told in (*outcome.lost, *outcome.failures):
                console.print(told, markup=False, highlight=False)
            if short:
                console.print({**outcome.tally}, f"{outcome.seconds:.0f} s")
            else:
                series.add(Result.of(chunk, outcome))
    if (not short and is_complete(series)) or arguments.write:
        PAGE.write_text(page(series), "utf-8")
        console.print(f"written: {PAGE}")
    return int(not good)


def totals(todo: list[Chunk]) -> Counter[str]:
    """Return how much there is to do of each experiment."""
    found: Counter[str] = Counter()
    for chunk in todo:
        found[chunk.experiment] += chunk.count
    return found


def is_complete(series: Series) -> bool:
    """Tell whether there is a result of all that is in a full series."""
    return all(series.has(chunk, SEED) for name, each in EXPERIMENTS.items() for chunk in chunks(name, each.count))


def wanted(name: str, arguments: argparse.Namespace) -> Iterator[Chunk]:
    """Yield the chunks that are asked for; a series that begins elsewhere is one chunk."""
    count = arguments.count or EXPERIMENTS[name].count
    if arguments.first:
        yield Chunk(name, arguments.first, count)
    else:
        yield from chunks(name, count)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=EXPERIMENTS, help="one of the experiments; repeatable")
    parser.add_argument("--count", type=int, default=0, help="how often to break something, instead of in full")
    parser.add_argument("--seed", type=int, default=SEED, help=f"another series than that of {SEED}")
    parser.add_argument("--first", type=int, default=0, help="the number of the first trial")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes side by side, where that goes")
    parser.add_argument("--minutes", type=float, default=600, help="begin no new piece after that")
    parser.add_argument("--write", action="store_true", help="write the page from what is kept so far")
    parser.add_argument("--anew", action="store_true", help="forget what is kept of the full series")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
