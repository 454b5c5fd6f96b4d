"""Time and memory of lists as a registry grows, two images in each repository.

All details are digests, sizes, platforms and times; the second time they come from the cache. Memory grows with
the images, since sizes in all need every blob's digest; most of what is there from the beginning is Python and
its libraries.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import DLR, Benchmark, Contender, Goal, Role, Scale, program, run
from benchmarks.registries import filled_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

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
)
