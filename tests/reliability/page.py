"""docs/reliability.md, from results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.page import anchor

from tests.reliability.experiment import OF
from tests.reliability.results import EXPERIMENTS, versions

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tests.reliability.results import Series

_HEAD = """# Reliability

<!-- Written by scripts/reliability.py from real runs; `make reliability` makes them and writes it anew. -->

What was broken, how often, and what was lost. Everything here is the real thing: the registry program, the
engine, kind clusters, `dlr` as it is typed; only what comes between is ours, a proxy that ends connections and a
server that answers wrongly. Lost would be: an image that was acknowledged and is not there byte for byte, or
something half that is taken for whole, in the registry, in the engine or on disk. A failure would be: a
traceback, no clear error or more than one, a hang, or a command that does not complete when it is run again.
"""

_TITLES = {
    "kills": "`dlr deploy-kind` killed within each of its steps",
    "restarts": "The registry killed in the middle of pushes and pulls",
    "cuts": "Connections cut at random bytes",
    "fuzz": "Answers that no registry should give",
}

_HOW = {
    "kills": """
Each environment is made from nothing, by runs that are killed (SIGKILL) one step later than the last, a random
moment after the step has begun; each finds what the one before left. Then `deploy-kind` is run to its end, an
image is pushed and run in a pod, and it all is done once more on the environment that now holds images. In the
end the image is read back and compared, and another one pushed and run.
""",
    "restarts": """
`dlr load`, `save` (folder and archive), `build-and-push` and `pull-from-registry` take turns, each with an image
of its own of 2 MB. The registry is killed (SIGKILL) at a random byte of what the command moves, and started
again up to 2.5 seconds later. After each restart every image that was ever acknowledged is read by plain
requests and compared byte by byte. Where the command has outlasted it, its result is compared; where not, it
must have told one clear error and left nothing half under a name (registry, engine or disk), and it is run again
and must complete.
""",
    "cuts": """
`dlr save` (folder and archive), `load`, `list-registry-images` and `inspect` speak to the registry through a
proxy. It ends the connection at a random byte, sent or received, by a reset or in order; in half of the runs
this one connection only, in the others every one from then on. Half of all runs are over TLS. What must be is
the same as above.
""",
    "fuzz": """
The answers of the registry to 25 operations (17 of them commands with their output in each format, the others
verbs of the client) are recorded, then broken: values and keys of the JSON (with digests made right again, so
that what is behind them is reached), headers, statuses, framing, single bytes. They come over a socket. Only a
clear error may come out, and what is shown may have nothing in it that a terminal obeys. A case that takes
longer than 20 seconds counts as a failure.
""",
}


def page(series: Series) -> str:
    """Return the page; experiments without results are not in it."""
    done = [name for name in EXPERIMENTS if series.of(name)]
    return "\n".join([_HEAD, *_summary(series, done), *(line for name in done for line in _section(series, name))])


def _summary(series: Series, done: list[str]) -> Iterator[str]:
    yield "| what was broken | how often | lost | failures |"
    yield "| --- | ---: | ---: | ---: |"
    for name in done:
        results = series.of(name)
        lost, failures = sum(len(each.lost) for each in results), sum(len(each.failures) for each in results)
        link = f"[{_TITLES[name]}](#{anchor(_TITLES[name])})"
        yield f"| {link} | {_how_often(series, name)} | {lost} | {failures} |"
    for name in EXPERIMENTS.keys() - done:
        yield f"| {_TITLES[name]} | not in this series yet | | |"
    parts = ", ".join(f"{name} {version}" for name, version in versions().items())
    yield f"\nWith {parts}.\n"
    yield "    make reliability                                  # all of it, most of an hour on two cores"
    yield "    make reliability ARGS='--only=cuts --count=50'    # a short look; nothing is written"
    yield "    make reliability ARGS='--only=fuzz --seed=7 --first=1234 --count=1'    # one case again\n"
    yield "A short form of it, with other seeds, is part of `make test`.\n"


def _section(series: Series, name: str) -> Iterator[str]:
    results = series.of(name)
    yield f"## {_TITLES[name]}"
    yield _HOW[name]
    yield "| end | times |"
    yield "| --- | ---: |"
    tally = sorted(series.tally(name).items(), key=lambda each: -each[1])
    for what, count in tally:
        if not what.startswith(OF):
            yield f"| {what} | {count:,} |"
    if parts := [f"{count:,} {what}" for what, count in tally if what.startswith(OF)]:
        yield f"\nThese are {', '.join(parts)}."
    for kind in ("lost", "failures"):
        for told in (each for result in results for each in getattr(result, kind)):
            yield f"\n**{kind}**: `{' '.join(told.split())[:400]}`"
    dates = sorted({each.date for each in results})
    commits = ", ".join(sorted({each.commit for each in results}))
    seeds = ", ".join(sorted({str(each.seed) for each in results}))
    seconds = sum(each.seconds for each in results)
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    yield f"\nSeed {seeds}, {when}, commit {commits}, {seconds / 60:.0f} minutes.\n"


def _how_often(series: Series, name: str) -> str:
    tally = series.tally(name)
    full, done = EXPERIMENTS[name].count, sum(each.chunk.count for each in series.of(name))
    part = "" if done >= full else f", a part of {full:,}"
    return f"{_counted(series, name, tally)}{part}"


def _counted(series: Series, name: str, tally: Counter[str]) -> str:
    if name == "kills":
        return f"{sum(count for what, count in tally.items() if what.startswith('killed')):,} kills"
    if name == "fuzz":
        return f"{tally['broken answers']:,} answers"
    return f"{sum(each.chunk.count for each in series.of(name)):,}"
