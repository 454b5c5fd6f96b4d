"""Time and memory of lists as a registry grows, two images in each repository.

All details are digests, sizes, platforms and times; the second time they come from the cache. Memory grows with
the images, since sizes in all need every blob's digest; most of what is there from the beginning is Python and
its libraries.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.measure import DLR, Benchmark, Contender, Goal, Role, Scale, median, program, run
from benchmarks.registries import filled_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Measured

SIZES = (100, 1000, 5000)
KINDS = ("all details", "from the cache", "tags alone")
_TAGS = 2


@contextmanager
def _prepare(scale: Scale) -> Iterator[list[Contender]]:
    with ExitStack() as stack:
        contenders = []
        for size in SIZES:
            registry = stack.enter_context(filled_registry(scale.of(size), _TAGS))
            words = (DLR, "list-registry-images", "--quiet", "--registry", registry.host)
            cached = partial(run, DLR_CACHE_DIR=stack.enter_context(tempfile.TemporaryDirectory()))
            cached(*words)
            contenders += [
                program(Role.OURS, name_of(KINDS[0], size), *words, "--no-cache"),
                Contender(name_of(KINDS[1], size), Role.OURS, partial(cached, *words)),
                program(Role.OURS, name_of(KINDS[2], size), *words, "--no-details"),
            ]
        yield contenders


def name_of(kind: str, size: int) -> str:
    """Name a contender by what it lists and of how many repositories."""
    return f"{kind}, {size:,}"


def draw(measured: Measured, figure: Any) -> None:
    """Draw seconds and memory over the number of repositories: what grows with it alone is a straight line."""
    figure.set_size_inches(9, 3.6)
    seconds, memory = figure.subplots(1, 2)
    for kind in KINDS:
        found = [measured.samples[name_of(kind, size)] for size in SIZES]
        seconds.plot(SIZES, [median(each) for each in found], "o-", label=kind)
        memory.plot(SIZES, [max(one.memory for one in each) / 1e6 for each in found], "o-", label=kind)
    for axes, unit in ((seconds, "seconds, median"), (memory, "most memory, MB")):
        axes.set(xlabel="repositories with two images each", ylabel=unit, xlim=(0, None), ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()


BENCHMARK = Benchmark(
    "growth",
    "Growth",
    __doc__,
    (
        Goal(
            "5,000 repositories with all details, against 1,000",
            name_of(KINDS[0], 5000),
            name_of(KINDS[0], 1000),
            5.5,
        ),
        Goal(
            "5,000 repositories, tags alone, against 1,000", name_of(KINDS[2], 5000), name_of(KINDS[2], 1000), 5.5
        ),
    ),
    _prepare,
    rounds=3,
    draw=draw,
)
