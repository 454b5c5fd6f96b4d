"""Beginning what comes next while something slow goes on."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import ClusterError
from ducklake_registry.waiting import Deadline
from ducklake_registry.workflows.head_start import HeadStart

if TYPE_CHECKING:
    from ducklake_registry.step import Report


def test_ensures_run_in_order_each_until_it_succeeds() -> None:
    done: list[str] = []
    refusals = [ClusterError("not up yet")]
    finished = threading.Event()

    def first(_report: Report) -> str:
        if refusals:
            raise refusals.pop()
        done.append("first")
        return "created"

    def second(_report: Report) -> str:
        done.append("second")
        finished.set()
        return "created"

    with HeadStart([first, second], Deadline(20)):
        assert finished.wait(10)
    assert done == ["first", "second"]


def test_what_is_being_done_when_the_block_ends_is_awaited() -> None:
    begun, done = threading.Event(), threading.Event()

    def slow(_report: Report) -> str:
        begun.set()
        time.sleep(0.3)
        done.set()
        return "created"

    with HeadStart([slow], Deadline(20)):
        assert begun.wait(10)
    assert done.is_set()


def test_what_never_succeeds_ends_with_the_block() -> None:
    later = threading.Event()

    def refused(_report: Report) -> str:
        raise ClusterError("never")

    def after(_report: Report) -> str:
        later.set()
        return "created"

    with HeadStart([refused, after], Deadline(20)):
        time.sleep(0.1)
    assert not later.is_set()


def test_a_block_that_fails_waits_for_nothing() -> None:
    held = threading.Event()
    with pytest.raises(KeyboardInterrupt), HeadStart([lambda _report: str(held.wait(20))], Deadline(20)):
        raise KeyboardInterrupt
    held.set()
