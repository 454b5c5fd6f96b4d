"""docs/benchmarks.md and its plots, from what was measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.kept import kept, pooled
from benchmarks.measure import BEST_PEER, MEMORY, SECONDS, Measured, Role, median
from benchmarks.peers import install_commands, versions
from benchmarks.plots import plot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.kept import Run
    from benchmarks.measure import Benchmark, Goal, Sample

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "benchmarks.md"

_HEAD = """# Benchmarks

<!-- Written by `make bench` from what it measured; the words are in benchmarks/. -->

`dlr` and its peers do the same on the same machine, as whole programs (the start of Python included), in turns
of mixed order. Seconds depend on the machine; the ratios are what counts. *Limit* is what nothing can beat:
`wrk` for requests, `sha256sum` or a plain copy for bytes, `kind create cluster` for clusters. Every single
measurement is in [results](results/benchmarks).
"""

_HOW = """## Measure it again

    make bench                                     # all of it: most of an hour, and a quiet machine
    make bench ARGS='--only=list-tags --only=save' # some of it; what is kept of the others stays on the page
    make bench ARGS='--scale=0.05 --rounds=1'      # small, to see whether it works; nothing is kept

Peers that are not there are left out, and the page says so. This is how they come:

"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was found; None where it was not measured."""

    goal: Goal
    found: float | None

    @property
    def met(self) -> bool:
        return self.found is not None and self.found <= self.goal.most

    @property
    def words(self) -> str:
        if self.found is None:
            return "not measured"
        return "met" if self.met else "**not met**"

    def number(self, value: float) -> str:
        """Return the goal's number, or what was found, with its unit."""
        if self.goal.against == MEMORY:
            return f"{value / 1e6:,.0f} MB"
        return f"{value:.2g} s" if self.goal.against == SECONDS else f"{value:.2f} x"


def judge(goal: Goal, measured: Measured) -> Verdict:
    """Compare a goal with what was measured."""
    ours = measured.samples.get(goal.ours)
    if not ours:
        return Verdict(goal, None)
    if goal.against == MEMORY:
        return Verdict(goal, max(each.memory for each in ours))
    if goal.against == SECONDS:
        return Verdict(goal, median(ours))
    against = best_peer(measured) if goal.against == BEST_PEER else measured.samples.get(goal.against)
    return Verdict(goal, median(ours) / median(against) if against else None)


def best_peer(measured: Measured) -> list[Sample] | None:
    """Return the samples of the fastest peer."""
    peers = [found for name, found in measured.samples.items() if measured.roles[name] is Role.PEER]
    return min(peers, key=median) if peers else None


def limit(measured: Measured) -> list[Sample] | None:
    """Return the samples of the limit; of several it is the one that takes longest."""
    limits = [found for name, found in measured.samples.items() if measured.roles[name] is Role.LIMIT]
    return max(limits, key=median) if limits else None


def write(benchmarks: Iterable[Benchmark]) -> None:
    """Write the page and the plots of all benchmarks that have results."""
    found = [(each, runs) for each in benchmarks if (runs := list(kept(each.name)))]
    PAGE.write_text("\n".join(page(found)), "utf-8")
    for benchmark, runs in found:
        plot(benchmark, pooled(runs), DOCS / "pictures")


def page(found: Sequence[tuple[Benchmark, Sequence[Run]]]) -> Iterator[str]:
    """Yield the page, line by line."""
    yield _HEAD
    yield "| what | goal | found | |"
    yield "| --- | ---: | ---: | --- |"
    for benchmark, runs in found:
        for goal in benchmark.goals:
            verdict = judge(goal, pooled(runs))
            seen = "" if verdict.found is None else verdict.number(verdict.found)
            link = f"[{goal.what}](#{anchor(benchmark.title)})"
            yield f"| {link} | ≤ {verdict.number(goal.most)} | {seen} | {verdict.words} |"
    yield ""
    for benchmark, runs in found:
        yield from section(benchmark, runs)
    yield _HOW + "".join(f"    {line}\n" for line in install_commands())
    yield f"Measured with {', '.join(versions())}.\n"


def section(benchmark: Benchmark, runs: Sequence[Run]) -> Iterator[str]:
    """Yield what there is to say of one benchmark."""
    measured = pooled(runs)
    yield f"## {benchmark.title}\n"
    yield f"{benchmark.notes.strip()}\n"
    yield from table(measured)
    rounds = max(len(each) for each in measured.samples.values())
    dates = " and ".join(dict.fromkeys(each.date[:10] for each in runs))
    commits = ", ".join(dict.fromkeys(each.commit for each in runs))
    load = " to ".join(
        dict.fromkeys(f"{each:.1f}" for each in sorted(each.load for each in runs)[:: max(1, len(runs) - 1)])
    )
    yield f"\n{rounds} rounds, {dates}, commit {commits}; {runs[-1].machine}, load before it {load}."
    for each in measured.missing:
        yield f"Not measured: {each}."
    for verdict in (judge(goal, measured) for goal in benchmark.goals):
        if not verdict.met and verdict.goal.reason:
            yield f"\n**Not met: {verdict.goal.what}.** {verdict.goal.reason}"
    yield f"\n![{benchmark.title}](pictures/bench-{benchmark.name}.png)\n"


def table(measured: Measured) -> Iterator[str]:
    """Yield a row for each contender, the fastest first."""
    yield "| | median | spread | to the best peer | to the limit | processor | memory |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    peer, bound = best_peer(measured), limit(measured)
    for name, samples in sorted(measured.samples.items(), key=lambda each: median(each[1])):
        mark = f"**{name}**" if measured.roles[name] is Role.OURS else name
        spread = (
            f"{shown(min(each.seconds for each in samples))} to {shown(max(each.seconds for each in samples))}"
        )
        processor = statistics.median(each.processor for each in samples)
        memory = max(each.memory for each in samples)
        cells = [
            f"{shown(median(samples))} s",
            f"{spread} s",
            _ratio(samples, peer),
            _ratio(samples, bound),
            f"{shown(processor)} s" if processor else "",
            f"{memory / 1e6:,.0f} MB" if memory else "",
        ]
        yield f"| {mark} | {' | '.join(cells)} |"


def shown(seconds: float) -> str:
    """Return seconds with three digits that mean something."""
    digits = 1 if seconds >= 10 else 2 if seconds >= 1 else 3  # noqa: PLR2004
    return f"{seconds:.{digits}f}"


def _ratio(samples: Sequence[Sample], other: Sequence[Sample] | None) -> str:
    return f"{median(samples) / median(other):.2f}" if other else ""


def anchor(title: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return "".join(each for each in title.lower().replace(" ", "-") if each.isalnum() or each in "-_")
