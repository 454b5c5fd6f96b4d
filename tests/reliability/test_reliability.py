"""The experiments of docs/reliability.md in short: a few of each, from a seed of their own."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.registry import programs
from tests.reliability.cuts import PIECE, cuts
from tests.reliability.experiment import Plan
from tests.reliability.fuzz import fuzz
from tests.reliability.restarts import restarts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.reliability.experiment import Outcome

pytestmark = pytest.mark.registry

SEED = 1


def over_tls(plan: Plan) -> Outcome:
    return cuts(replace(plan, first=PIECE))


@pytest.fixture(autouse=True)
def _program() -> None:
    if programs.find_program("3.1") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must break the registry, but there is no program of it")
        pytest.skip("no program of distribution 3.1 here")


@pytest.mark.parametrize(("experiment", "count"), [(cuts, 4), (over_tls, 4), (fuzz, 1000), (restarts, 4)])
def test_nothing_is_lost(
    experiment: Callable[[Plan], Outcome], count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A push that breaks through the engine is in tests/engine.
    monkeypatch.setenv("DLR_NO_ENGINE", "1")
    outcome = experiment(Plan(count, SEED, tmp_path))

    assert outcome.lost == []
    assert outcome.failures == []
    assert outcome.tally.total() >= count
