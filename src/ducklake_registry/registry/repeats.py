"""`Repeater`: asks again what failed in passing, until the time for it is over."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ducklake_registry.errors import TimeoutExpired
from ducklake_registry.registry.connections import TooLarge
from ducklake_registry.registry.failures import is_passing, too_large, unreachable
from ducklake_registry.registry.retry import PASSING_STATUSES
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.registry.answers import Answer
    from ducklake_registry.registry.call import Call
    from ducklake_registry.registry.endpoint import Endpoint
    from ducklake_registry.registry.retry import Retry
    from ducklake_registry.waiting import Deadline

GRACE = 1.0
"""Seconds after the limit of everything: what goes on by then is cut off, and what says good-bye has as long."""


class Failed(Exception):
    """A request got no whole answer; `url` is where it went, which may be where a redirect has led."""

    def __init__(self, url: str, error: BaseException) -> None:
        super().__init__(url)
        self.url = url
        self.error = error


@dataclass(frozen=True, slots=True)
class Repeater:
    """Limits, in seconds, each answer with all its repeats (`timeout`), and everything in all (`limit`)."""

    endpoint: Endpoint
    timeout: float
    limit: Deadline
    retry: Retry

    def run(self, call: Call, attempt_once: Callable[[Call, float], Answer]) -> Answer:
        """Give what `attempt_once` gives of a call until a deadline (of time.monotonic), asked again if need be.

        Raises RegistryUnreachable, InvalidAnswer and TimeoutExpired.
        """
        self.check(f"{call.subject} had not been begun", call)
        deadline = time.monotonic() + self._seconds(call)
        for attempt in itertools.count(1):
            try:
                answer = attempt_once(call, deadline)
                if answer.status not in PASSING_STATUSES:
                    return replace(answer, attempts=attempt) if attempt > 1 else answer
                failure: BaseException | None = None
                url = answer.url
                pause = self.retry.pause(attempt, answer.header("retry-after"))
                pause = max(pause - (time.monotonic() - answer.came), 0)
            except TooLarge as error:
                raise too_large(error, call.subject, call.limit) from error
            except Failed as failed:
                self.check(f"{call.subject} was still without a whole answer", call)
                failure, url = failed.error, failed.url
                pause = self.retry.pause(attempt)
            last = attempt >= self.retry.attempts or time.monotonic() + pause > deadline
            if last or not call.may_repeat or (failure and not is_passing(failure)):
                if failure:
                    raise unreachable(failure, self.endpoint, url, attempt) from failure
                return replace(answer, attempts=attempt)
            time.sleep(pause)
        raise AssertionError("unreachable: the loop has no end")

    def check(self, seen: str, call: Call | None = None) -> None:
        """Raise TimeoutExpired, with what was last seen, once the limit of everything is over."""
        if self.limit.remaining or (call and call.parting):
            return
        raise TimeoutExpired(
            f"the time limit of {spoken_duration(self.limit.seconds)} is over; last seen: {seen}",
            "give it more with --timeout, or run it again: what is there by now is not moved again",
        )

    def _seconds(self, call: Call) -> float:
        return min(self.timeout, GRACE if call.parting and not self.limit.remaining else self.limit.remaining)
