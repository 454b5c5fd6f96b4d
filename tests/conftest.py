"""Which tests have to follow each other, which may run side by side, and what they find from the shell."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

CLUSTERS_OF_THEIR_OWN = ("tests/e2e/test_interruptions", "tests/e2e/test_ducklake", "tests/e2e/test_tutorial")
THE_DOCTORS_CLUSTER = ("tests/e2e/test_doctor",)
THE_SESSIONS_CLUSTER = ("tests/e2e/",)
THE_ENGINE = ("tests/engine/", "tests/packaging/test_image", "tests/ci/test_action")
GROUPS = (CLUSTERS_OF_THEIR_OWN, THE_DOCTORS_CLUSTER, THE_SESSIONS_CLUSTER, THE_ENGINE)
"""Beginnings of paths whose tests follow each other; the first group that has a test counts.

Each process that runs tests has a cluster of its own: the doctor's tests and the other ones on a cluster can go on
side by side."""


# A shell's background job ignores Ctrl-C, and so does all that it starts: what the tests interrupt would go on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def group(nodeid: str) -> str:
    """Return what a test belongs to; one that is in no group is its own."""
    return next((each[0] for each in GROUPS if nodeid.startswith(each)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Give pytest-xdist the groups above, the largest first; its own marks for them need pytest before 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log)
