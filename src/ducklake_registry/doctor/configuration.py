"""Whether what is deployed is what `dlr` deploys."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ducklake_registry.cluster.workload import container
from ducklake_registry.doctor.deploying import (
    READ_ONLY,
    config_text,
    deploy_again,
    differences,
    settings_in,
)
from ducklake_registry.doctor.finding import Finding, Look, Remedy, Severity, not_applicable, sound
from ducklake_registry.doctor.kubernetes import ELSEWHERE
from ducklake_registry.errors import ClusterError
from ducklake_registry.manifests import names
from ducklake_registry.manifests.patches import CHECKSUM_ANNOTATION, checksum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.manifests import Object

DELETE = "storage.delete.enabled"

_SHOWN = 3


def configuration(patient: Patient) -> Look:
    """What is deployed is what `dlr deploy-registry` deploys."""
    if not patient.belongs:
        return ELSEWHERE
    if patient.config_map is None:
        if patient.deployment is None:
            return not_applicable("there is no registry")
        seen, means = f"the ConfigMap {names.CONFIG} is gone", "the registry's next pod cannot start without it"
        return sound("", deploy_again(patient, seen, means))
    text = config_text(patient)
    if text is None:
        seen = f"the ConfigMap {names.CONFIG} has no config.yml"
        return sound("", deploy_again(patient, seen, "the registry's next pod cannot start without it"))
    try:
        settings = settings_in(text)
    except ValueError as error:
        means = "the registry cannot read it, and does not start"
        return sound("", deploy_again(patient, f"its config.yml is {error}", means))
    findings = [*_settings(patient, settings), *_other_changes(patient)]
    return sound("as dlr deploys it", *findings, _unread(patient, text))


def configured(patient: Patient) -> dict[str, Any]:
    """Return the settings on the cluster as one level: {"storage.delete.enabled": True}; none if unreadable."""
    with suppress(ValueError):
        return settings_in(config_text(patient) or "")
    return {}


def _settings(patient: Patient, found: dict[str, Any]) -> Iterator[Finding]:
    """Give what the configuration on the cluster has otherwise than the manifests."""
    if found.get(READ_ONLY) is True:
        means = "pushes and deletions are refused until it is ended"
        yield deploy_again(patient, f"maintenance mode was left on: {READ_ONLY} is true", means)
    if changed := differences(found):
        seen = f"its config.yml differs from dlr's: {changed}"
        means = "somebody has chosen so, or dlr has changed; deploying again makes it dlr's"
        yield Finding(seen, means, patient.case.deploy_registry(patient.spec), Severity.WARNING)


def _unread(patient: Patient, text: str) -> Finding | None:
    """Return that the registry still runs with what it was rolled out with, though there is another by now."""
    pod, config_map = patient.ready_pod, patient.config_map
    if pod is None or config_map is None or _is_of(pod, text):
        return None
    changed = max((str(each.get("time", "")) for each in config_map["metadata"]["managedFields"]), default="")
    started = str(container(pod).get("state", {}).get("running", {}).get("startedAt", ""))
    if started >= changed:
        return None
    seen = f"the configuration was changed at {changed}, and the registry started at {started}"
    means = "it reads its configuration only when it starts, and runs with the one before"
    return Finding(seen, means, patient.case.restart(patient.context), Severity.WARNING, remedy=Remedy.RESTART)


def _is_of(pod: Object, text: str) -> bool:
    """Tell whether a pod was rolled out with a configuration."""
    rolled = (pod["metadata"].get("annotations") or {}).get(CHECKSUM_ANNOTATION)
    return bool(rolled == checksum(text))


def _other_changes(patient: Patient) -> Iterator[Finding]:
    """Give what deploying again would change of the other objects."""
    try:
        changes = [each for each in patient.changes if each.outcome == "configured" and each.kind != "ConfigMap"]
    except ClusterError:
        return  # who may not write may not try either
    for change in changes:
        lines = [
            line for line in change.difference if line.startswith(("+", "-")) and line[1:3] not in {"++", "--"}
        ]
        lines = [line for line in lines if not line.startswith(("+++", "---"))]
        shown = ", ".join(" ".join(line.split()) for line in lines[:_SHOWN])
        seen = f"{change.kind} {change.name} differs from dlr's: {shown}{', …' if lines[_SHOWN:] else ''}"
        means = "somebody has changed it; deploying again makes it dlr's (-: as it is, +: as it would be)"
        yield Finding(seen, means, patient.case.deploy_registry(patient.spec), Severity.WARNING)
