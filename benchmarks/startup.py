"""`dlr --help`, against importing what it cannot do without: Typer and Rich.

Every command begins with this much.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.measure import DLR, Benchmark, Contender, Goal, Role, Scale, program

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMPORTS = "import typer, rich.console"


@contextmanager
def _prepare(_scale: Scale) -> Iterator[list[Contender]]:
    limit = program(Role.LIMIT, f'python -c "{_IMPORTS}"', sys.executable, "-c", _IMPORTS)
    yield [program(Role.OURS, "dlr --help", DLR, "--help"), limit]


BENCHMARK = Benchmark(
    "startup",
    "The start of Python",
    __doc__,
    (Goal("`dlr --help`, against importing Typer and Rich", "dlr --help", f'python -c "{_IMPORTS}"', 1.6),),
    _prepare,
    rounds=20,
)
