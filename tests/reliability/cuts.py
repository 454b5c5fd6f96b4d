"""The connection cut at random bytes: success or one clear error comes of it, and run again it completes."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from tests.reliability import operations
from tests.reliability.experiment import OF, Lost, Outcome
from tests.reliability.proxy import Fault, Way
from tests.reliability.site import site

if TYPE_CHECKING:
    from tests.reliability.experiment import Plan
    from tests.reliability.operations import Make, Operation, Traffic
    from tests.reliability.site import Site

PIECE = 25
"""How many belong together, in a series."""

_AT_ONCE = 3
"""Trials beside each other: most of them wait before they ask again."""

OPERATIONS: tuple[Make, ...] = (
    partial(operations.save, archive=False),
    partial(operations.save, archive=True),
    operations.load,
    operations.listing,
    operations.inspecting,
)


def cuts(plan: Plan) -> Outcome:
    """Cut so many commands off, each at a byte of its own."""
    outcome = Outcome(plan.seed)
    workers = min(_AT_ONCE, 1 + plan.count // 40)
    numbers = range(plan.first, plan.first + plan.count)
    with ThreadPoolExecutor(workers, thread_name_prefix="cuts") as pool:
        shares = [_Share(plan, numbers[each::workers], each) for each in range(workers)]
        for part in pool.map(_Share.run, shares):
            outcome.tally += part.tally
            outcome.lost += part.lost
            outcome.failures += part.failures
    return outcome.ended()


@dataclass(slots=True)
class _Share:
    """The trials of one thread, which has a registry and a proxy of its own."""

    plan: Plan
    numbers: range
    worker: int

    def run(self) -> Outcome:
        outcome = Outcome(self.plan.seed)
        # Every second piece of a series over TLS: there a cut may hit a handshake, or the middle of a record.
        tls = bool(self.plan.first // PIECE % 2)
        with site(self.plan.folder / f"cuts{self.worker}", tls=tls) as place:
            operations.fill(place, Random(self.plan.seed))
            traffic = operations.traffic(place, OPERATIONS)
            for number in self.numbers:
                self._try(place, number, traffic, outcome)
                outcome.tally[f"{OF}those over TLS"] += tls
                self.plan.progress(1)
        return outcome

    def _try(self, place: Site, number: int, traffic: Traffic, outcome: Outcome) -> None:
        random = Random(self.plan.seed_of(number))
        operation = random.choice(OPERATIONS)(place, f"cut{number}", random)
        told = f"cut {self.plan.seed_of(number)}, {operation.name}"
        try:
            outcome.tally[_cut(place, operation, traffic[operation.name], random)] += 1
            outcome.tally[f"{OF}{operation.name}"] += 1
        except Lost as error:
            outcome.lost.append(f"{told}: {error}")
        except (AssertionError, subprocess.TimeoutExpired) as error:
            outcome.failures.append(f"{told}: {error}")
        finally:
            place.proxy.begin()
            operation.clean()


def _cut(place: Site, operation: Operation, total: dict[Way, int], random: Random) -> str:
    """Run the operation with a cut, look at what is there, and let it complete; return how it ended."""
    way = random.choices([*total], [*total.values()])[0] if random.random() < 0.7 else random.choice([*Way])
    fault = Fault(random.randrange(total[way]), frozenset({way}), random.random() < 0.5, random.random() < 0.5)
    place.proxy.begin(fault)
    ended = place.dlr(*operation.words)
    place.proxy.begin()
    if ended.well:
        operation.check(ended)
        return "went on and completed" if fault.happened.is_set() else "was done before the cut"
    ended.check_told()
    operation.check_half()
    again = place.dlr(*operation.words)
    assert again.well, f"run again it ends with {again.code}: {again.stderr}"
    operation.check(again)
    return "one clear error, completed when run again"
