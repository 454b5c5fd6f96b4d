"""Results as JSON in docs/results: a page is made of several runs, and anyone can look at each sample."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Measured, Role, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "results" / "benchmarks"
_MEASURED = ("src", "manifests", "bootstrap/node")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one benchmark: what was measured, when, with which commit, on what machine, how busy."""

    measured: Measured
    date: str
    commit: str
    load: float
    machine: str


def now(measured: Measured, load: float) -> Run:
    """Return a run that has just ended; `load` is the machine's average before it."""
    return Run(measured, f"{datetime.now(UTC):%Y-%m-%d %H:%M}", commit(), load, machine())


def keep(benchmark: str, run: Run, *, anew: bool = False) -> None:
    """Add a run to those that are kept of a benchmark, or put it in their place."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    runs = [] if anew else list(kept(benchmark))
    (FOLDER / f"{benchmark}.json").write_text(json.dumps([asdict(each) for each in [*runs, run]], indent=1))


def kept(benchmark: str) -> Iterable[Run]:
    """Yield the runs that are kept of a benchmark."""
    file = FOLDER / f"{benchmark}.json"
    for fields in json.loads(file.read_text()) if file.exists() else ():
        yield Run(**fields | {"measured": _measured(fields["measured"])})


def pooled(runs: Iterable[Run]) -> Measured:
    """Put the samples of several runs together; each has as many of every contender."""
    found = Measured()
    for each in runs:
        found.roles |= each.measured.roles
        found.missing = list(dict.fromkeys([*found.missing, *each.measured.missing]))
        for name, samples in each.measured.samples.items():
            found.samples.setdefault(name, []).extend(samples)
    return found


def _measured(fields: dict[str, Any]) -> Measured:
    samples = {name: [Sample(**each) for each in found] for name, found in fields["samples"].items()}
    return Measured(samples, {name: Role(role) for name, role in fields["roles"].items()}, fields["missing"])


def commit() -> str:
    """Return the commit of this checkout, with a mark where the program differs from it."""
    named = _git("describe", "--always", "--abbrev=9") or "no checkout"
    return f"{named}-dirty" if _git("status", "--porcelain", "--", *_MEASURED) else named


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def machine() -> str:
    """Return the kind of machine in few words."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
