"""Waiting: its end, and what it tells."""

from __future__ import annotations

import time

import pytest

from ducklake_registry.errors import TimeoutExpired
from ducklake_registry.waiting import Deadline, NotYet, wait_for


def test_the_first_answer_ends_the_wait() -> None:
    answers = iter([NotYet("one"), NotYet("two"), "there"])
    seen: list[str] = []
    assert wait_for("it", lambda: next(answers), Deadline(10), seen.append, interval=0) == "there"
    assert seen == ["one", "two"]


@pytest.mark.parametrize("answer", [None, False, 0, ""])
def test_an_answer_may_be_empty(answer: object) -> None:
    assert wait_for("it", lambda: answer, Deadline(10)) is answer


def test_a_passed_deadline_still_asks_once() -> None:
    assert wait_for("it", lambda: "there", Deadline(0)) == "there"


def test_a_wait_that_times_out_tells_what_it_saw() -> None:
    number = iter(range(1000))
    with pytest.raises(TimeoutExpired) as caught:
        wait_for("the pod", lambda: NotYet(f"state {next(number)}"), Deadline(0.05), interval=0.01, hint="look")
    assert caught.value.message.startswith("the pod did not come within 0.1s; last seen: state ")
    assert int(caught.value.message.rpartition(" ")[2]) >= 1
    assert caught.value.hint == "look"


def test_a_wait_ends_at_its_deadline_whatever_the_interval() -> None:
    deadline = Deadline(0.05)
    with pytest.raises(TimeoutExpired):
        wait_for("it", lambda: NotYet("nothing"), deadline, interval=3600)


def test_the_probes_own_errors_go_through() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_for("it", lambda: 1 // 0, Deadline(10))


def test_what_remains_is_never_negative() -> None:
    deadline = Deadline(0.01)
    assert 0 <= deadline.remaining <= 0.01
    time.sleep(0.02)
    assert deadline.remaining == 0
    assert Deadline(-5).remaining == 0
