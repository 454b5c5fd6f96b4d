"""A pod's pull for real, by the acceptance test's own check."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ducklake_registry.acceptance.baseline import Baseline
from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.context import Limits, working_with
from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.acceptance.runner import Surroundings, accept
from ducklake_registry.doctor.finding import Finding, Look, Severity, not_applicable, sound
from ducklake_registry.errors import EngineError
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.acceptance.results import Result
    from ducklake_registry.doctor.patient import Patient

_CHECK = "images/pod"
_SECONDS = 120.0


def pulled(patient: Patient) -> Look:
    """Push an image, run it as a pod on each node, and remove all that again."""
    checks = [each for each in CHECKS if each.path == _CHECK]
    with suppress(EngineError):  # it is done without, but not while somebody loads what it needs
        _ = patient.engine
    around = Surroundings(patient.cluster, patient.case.namespace, patient.case.engine)
    limits, notes = Limits(), patient.case.notes
    with working_with(patient.client, Deadline(_SECONDS), limits, disruptive=False, notes=notes) as context:
        found = accept(checks, context, around, Baseline(), silent)
    look = _judged(patient, found.results[0])
    stays = _staying(patient, found.left_behind)
    return replace(look, findings=(*look.findings, *stays), applicable=look.applicable or bool(stays))


def _judged(patient: Patient, result: Result) -> Look:
    if result.verdict is Verdict.PASSED:
        return sound(result.evidence)
    if result.verdict is not Verdict.FAILED:
        return not_applicable(result.evidence)
    means = "an image that was just pushed does not run in the cluster"
    repair = result.hint or patient.case.dlr("test-registry", category="images")
    return sound("", Finding(result.evidence, means, repair))


def _staying(patient: Patient, left: Sequence[str]) -> tuple[Finding, ...]:
    """Tell what could not be removed again: each look would leave more of it."""
    if not left:
        return ()
    more = f", and {len(left) - 1} more" if left[1:] else ""
    means = "what was made for this look could not be removed again; it is noted on this machine"
    again = f"{patient.case.dlr('doctor', thorough=True)}  # removes it, once that is possible"
    return (Finding(f"it left behind {left[0]}{more}", means, again, Severity.WARNING),)
