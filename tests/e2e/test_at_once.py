"""Two commands on one cluster at the same time."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reliability.kills import works

if TYPE_CHECKING:
    from tests.e2e.conftest import Environment

pytestmark = pytest.mark.cluster

BUSY = 7


def test_two_at_once_do_not_break_each_other(environment: Environment) -> None:
    with environment.start_dlr("deploy-kind") as first, environment.start_dlr("deploy-kind") as second:
        for process in (first, second):
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, said
    works(environment)


def test_a_second_one_that_cannot_wait_says_who_is_at_work(environment: Environment) -> None:
    path = Path(tempfile.gettempdir()) / f"dlr-{os.getuid()}" / f"{environment.context}.lock"
    with path.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("4242")
        held.flush()
        done = environment.run_dlr("deploy-kind", "--timeout", "1s")
    assert done.returncode == BUSY, done.stderr
    assert re.search(r"error: .*4242.* is still at work", done.stderr)
    assert "--timeout" in done.stderr
