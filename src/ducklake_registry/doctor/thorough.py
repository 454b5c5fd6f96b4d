"""A pod's pull for real, by the acceptance test's own check."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ducklake_registry.acceptance.baseline import Baseline
from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.context import Limits, working_with
from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.acceptance.runner import Surroundings, accept
from ducklake_registry.doctor.finding import Finding, Look, not_applicable, sound
from ducklake_registry.errors import EngineError
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient

_CHECK = "images/pod"
_SECONDS = 120.0


def pulled(patient: Patient) -> Look:
    """Push an image, run it as a pod on each node, and remove all that again."""
    checks = [each for each in CHECKS if each.path == _CHECK]
    with suppress(EngineError):  # it is done without, but not while somebody loads what it needs
        _ = patient.engine
    around = Surroundings(patient.cluster, patient.case.namespace, patient.case.engine)
    with working_with(patient.client, Deadline(_SECONDS), Limits(), disruptive=False) as context:
        (result,) = accept(checks, context, around, Baseline(), silent).results
    if result.verdict is Verdict.PASSED:
        return sound(result.evidence)
    if result.verdict is not Verdict.FAILED:
        return not_applicable(result.evidence)
    means = "an image that was just pushed does not run in the cluster"
    repair = result.hint or patient.case.dlr("test-registry", category="images")
    return sound("", Finding(result.evidence, means, repair))
