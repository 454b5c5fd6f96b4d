"""Registries that cannot pass, and what their failures say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.acceptance import runner
from ducklake_registry.acceptance.baseline import Baseline
from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.context import Limits, working_with
from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.acceptance.conftest import made, with_verdict
from tests.acceptance.proxy import Reply, instead, status
from tests.registry import programs
from tests.registry.programs import RunningRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.acceptance.runner import Surroundings
    from tests.acceptance.conftest import Try
    from tests.registry.faults import Request

pytestmark = pytest.mark.registry


def test_a_registry_that_is_read_only_fails(release: str, tmp_path: Path, attempt: Try) -> None:
    with programs.running(release, tmp_path, readonly=True) as registry:
        found = attempt(registry, ("health/api", "images/image"))

    assert [each.verdict for each in found.results] == [Verdict.PASSED, Verdict.FAILED]
    assert "read-only" in found.results[1].evidence


def test_a_registry_that_goes_away_is_not_waited_for_again_and_again(nowhere: Surroundings, attempt: Try) -> None:
    gone = RunningRegistry("none", f"localhost:{programs.free_port()}", Path("/nowhere"))

    with gone.client() as client:
        found = made(client, nowhere)

    assert with_verdict(found, Verdict.FAILED) == {"health/api"}
    assert with_verdict(found, Verdict.PASSED) == set()
    assert "cannot reach" in found.results[-1].evidence
    assert not found.accepted


def test_a_catalog_that_may_not_be_seen_is_skipped(plain: RunningRegistry, attempt: Try) -> None:
    found = attempt(plain, ("catalog/lists",), instead("GET", "_catalog", status(403)))

    assert found.results[0].verdict is Verdict.SKIPPED
    assert not found.accepted


def test_a_list_of_referrers_that_is_right_passes(plain: RunningRegistry, attempt: Try) -> None:
    put: list[str] = []

    def listing(request: Request, go_on: Callable[[], Reply]) -> Reply:
        if request.method == "PUT" and "/manifests/sha256" in request.path:
            put.append(request.path.rpartition("/")[2])
        if "/referrers/" not in request.path:
            return go_on()
        entry = f'{{"mediaType": "x/y", "digest": "{put[-1]}", "size": 2}}'
        return status(
            200, f'{{"manifests": [{entry}]}}'.encode(), content_type="application/vnd.oci.image.index.v1+json"
        )

    assert attempt(plain, ("images/referrers",), listing).results[0].verdict is Verdict.PASSED


def test_time_that_is_over_fails_what_is_left(plain: RunningRegistry, nowhere: Surroundings) -> None:
    with plain.client() as client, working_with(client, Deadline(60), Limits(), disruptive=False) as context:
        late = replace(context, deadline=Deadline(0.0))
        found = runner.accept(CHECKS[:3], late, nowhere, Baseline(), silent)

    assert {each.verdict for each in found.results} == {Verdict.FAILED}
    assert not found.accepted
