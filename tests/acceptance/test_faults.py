"""Each check fails when what it checks is broken, and says what it saw."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.acceptance import performance
from ducklake_registry.acceptance.context import Limits
from ducklake_registry.acceptance.results import Verdict
from tests.acceptance.broken import RUN, faults, slow, slow_in_a_crowd
from tests.acceptance.proxy import on

if TYPE_CHECKING:
    from tests.acceptance.conftest import Try
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


@pytest.mark.parametrize(("check", "wrong"), [(check, wrong) for check, wrong, _, _ in faults()])
def test_a_check_fails_when_the_registry_is_broken(
    newest: RunningRegistry, attempt: Try, check: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ducklake_registry.acceptance.context.secrets.token_hex", lambda _: RUN)
    fault, words = next((fault, words) for name, what, fault, words in faults() if (name, what) == (check, wrong))

    (result,) = attempt(newest, (check,), fault).results

    assert result.verdict is Verdict.FAILED, result
    assert re.search(words, result.evidence), result.evidence


def test_slow_answers_are_beyond_their_limit(newest: RunningRegistry, attempt: Try) -> None:
    found = attempt(newest, ("performance/ping-1",), on("GET", "/v2/$", slow(0.02)), limits=Limits(max_p95=0.015))

    assert found.results[0].verdict is Verdict.FAILED
    assert "p95 is above 15 ms" in found.results[0].evidence
    assert found.results[0].measured["p95_seconds"] > 0.02


def test_answers_that_are_slow_in_a_crowd_are_beyond_their_limit(
    newest: RunningRegistry, attempt: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performance, "_SAMPLES", {1: 20, 16: 64})
    questions = ("ping", "tags", "manifest-head", "manifest-get")
    alone, crowded = (tuple(f"performance/{each}-{count}" for each in questions) for count in (1, 16))

    found = attempt(newest, (*alone, *crowded), slow_in_a_crowd(0.3), limits=Limits(max_p95=0.2))

    verdicts = {f"{each.category}/{each.name}": each.verdict for each in found.results}
    assert verdicts == dict.fromkeys(alone, Verdict.PASSED) | dict.fromkeys(crowded, Verdict.FAILED)
    failed = [each.evidence for each in found.results if each.verdict is Verdict.FAILED]
    assert all("p95 is above 200 ms" in each for each in failed)


def test_slow_bytes_are_beyond_their_limit(newest: RunningRegistry, attempt: Try) -> None:
    paths = ("performance/push", "performance/pull")
    stalled = on("GET|PATCH", "/blobs/", slow(0.3))

    found = attempt(newest, paths, stalled, limits=Limits(min_throughput=2**30))

    assert [each.verdict for each in found.results] == [Verdict.FAILED] * 2
    assert "less than 1024 MiB/s" in found.results[0].evidence
