"""The registry killed amid pushes and pulls: all that it acknowledged is there, nothing half is believed."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
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
    from tests.reliability.site import Ended, Site

_LONGEST_DOWN = 2.5
"""Seconds: some commands outlast that by asking again, others do not."""

OPERATIONS: tuple[Make, ...] = (
    operations.load,
    partial(operations.save, archive=False),
    operations.load,
    partial(operations.save, archive=True),
)
WITH_ENGINE: tuple[Make, ...] = (*OPERATIONS, operations.build_and_push, operations.pull)


def restarts(plan: Plan) -> Outcome:
    """Kill the registry so many times, at random bytes of commands, and start it again a moment later."""
    outcome = Outcome(plan.seed)
    choice = WITH_ENGINE if _engine_answers() else OPERATIONS
    with site(plan.folder / "restarts") as place:
        operations.fill(place, Random(plan.seed))
        trials = _Trials(place, [(operations.IMAGE, "v1")], operations.traffic(place, choice))
        for number in range(plan.first, plan.first + plan.count):
            random = Random(plan.seed_of(number))
            operation = choice[number % len(choice)](place, f"killed{number}", random)
            told = f"kill {plan.seed_of(number)}, {operation.name}"
            try:
                outcome.tally[trials.run(operation, random)] += 1
                outcome.tally[f"{OF}{operation.name}"] += 1
            except Lost as error:
                outcome.lost.append(f"{told}: {error}")
            except (AssertionError, subprocess.TimeoutExpired) as error:
                outcome.failures.append(f"{told}: {error}")
            finally:
                operation.clean()
            plan.progress(1)
        outcome.tally["acknowledged images read and compared after restarts"] = trials.compared
    return outcome.ended()


@dataclass(slots=True)
class _Trials:
    """One after the other in the same registry; `acknowledged` is what it said it had stored."""

    place: Site
    acknowledged: list[tuple[str, str]]
    traffic: Traffic
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    compared: int = 0

    def run(self, operation: Operation, random: Random) -> str:
        """Run the operation, kill the registry in it, look at what is there, and let it complete."""
        total = sum(self.traffic[operation.name].values())
        fault = Fault(random.randrange(total), frozenset(Way), act=self.place.registry.kill)
        down = random.uniform(0, _LONGEST_DOWN)
        ended = self._disturbed(operation, fault, down)
        self._check_acknowledged()
        if ended.well:
            operation.check(ended)
            how = "outlasted the restart"
        else:
            ended.check_told()
            operation.check_half()
            again = self.place.dlr(*operation.words)
            assert again.well, f"run again it ends with {again.code}: {again.stderr}"
            operation.check(again)
            how = "one clear error, completed when run again"
        if operation.pushed:
            self.acknowledged.append(operation.pushed)
        return how

    def _disturbed(self, operation: Operation, fault: Fault, down: float) -> Ended:
        """Run it while the registry is killed at a byte and is back after some seconds."""
        over = threading.Event()

        def start_again() -> None:
            fault.happened.wait(60)
            over.wait(down)
            if not fault.happened.is_set():  # it moved fewer bytes than the first of its kind
                fault.happened.set()
                self.place.registry.kill()
            self.place.registry.start()

        self.place.proxy.begin(fault)
        thread = threading.Thread(target=start_again)
        thread.start()
        try:
            return self.place.dlr(*operation.words)
        finally:
            over.set()
            if not fault.happened.is_set():
                fault.act()
                fault.happened.set()
            thread.join()
            self.place.proxy.begin()

    def _check_acknowledged(self) -> None:
        """Read every image that was acknowledged, and compare every byte of it."""
        for place in self.acknowledged:
            self.compared += 1
            found = self.place.image_in_registry(*place)
            if not found or self.digests.setdefault(place, found) != found:
                raise Lost(f"{place[0]}:{place[1]} is {found or 'gone'}, and was {self.digests.get(place)}")


def _engine_answers() -> bool:
    if os.environ.get("DLR_NO_ENGINE") or not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, timeout=60, check=False).returncode == 0
