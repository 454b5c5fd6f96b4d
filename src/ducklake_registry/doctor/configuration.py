"""Whether what is deployed is what `dlr` deploys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from ducklake_registry.cluster.workload import container
from ducklake_registry.doctor.deploying import deploy_again, usual_configuration
from ducklake_registry.doctor.finding import Finding, Look, Remedy, Severity, not_applicable, sound
from ducklake_registry.doctor.kubernetes import ELSEWHERE
from ducklake_registry.errors import ClusterError
from ducklake_registry.manifests import names
from ducklake_registry.manifests.patches import CHECKSUM_ANNOTATION, checksum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.manifests import Object

READ_ONLY = "storage.maintenance.readonly.enabled"
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
    text = patient.config_map.get("data", {}).get("config.yml", "")
    try:
        settings = yaml.safe_load(text)
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())
        means = "the registry cannot read it, and does not start"
        return sound("", deploy_again(patient, f"its config.yml is no YAML: {why}", means))
    findings = [*_settings(patient, settings), *_other_changes(patient)]
    return sound("as dlr deploys it", *findings, _unread(patient))


def configured(patient: Patient) -> dict[str, Any]:
    """Return the settings on the cluster as one level: {"storage.delete.enabled": True}; none if unreadable."""
    text = (patient.config_map or {}).get("data", {}).get("config.yml", "")
    try:
        return _flat(yaml.safe_load(text))
    except yaml.YAMLError:
        return {}


def _settings(patient: Patient, settings: Any) -> Iterator[Finding]:
    """Give what the configuration on the cluster has otherwise than the manifests."""
    found, usual = _flat(settings), _flat(yaml.safe_load(usual_configuration()))
    changed = sorted(key for key in found.keys() | usual.keys() if found.get(key) != usual.get(key))
    if found.get(READ_ONLY) is True:
        means = "pushes and deletions are refused until it is ended"
        alone = set(changed) <= {READ_ONLY}
        yield deploy_again(patient, f"maintenance mode was left on: {READ_ONLY} is true", means, safe=alone)
    others = [key for key in changed if key != READ_ONLY]
    if others:
        shown = [f"{key} is {_said(found, key)} (dlr's: {_said(usual, key)})" for key in others[:_SHOWN]]
        more = f", and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        seen = f"its config.yml differs from dlr's: {'; '.join(shown)}{more}"
        means = "somebody has chosen so, or dlr has changed; deploying again makes it dlr's"
        yield Finding(seen, means, patient.case.deploy_registry(patient.spec), Severity.WARNING)


def _unread(patient: Patient) -> Finding | None:
    """Return that the registry still runs with what it was rolled out with, though there is another by now."""
    pod, config_map = patient.ready_pod, patient.config_map
    if pod is None or config_map is None or _is_of(pod, config_map):
        return None
    changed = max((str(each.get("time", "")) for each in config_map["metadata"]["managedFields"]), default="")
    started = str(container(pod).get("state", {}).get("running", {}).get("startedAt", ""))
    if started >= changed:
        return None
    seen = f"the configuration was changed at {changed}, and the registry started at {started}"
    means = "it reads its configuration only when it starts, and runs with the one before"
    return Finding(seen, means, patient.case.restart(patient.context), Severity.WARNING, remedy=Remedy.RESTART)


def _is_of(pod: Object, config_map: Object) -> bool:
    """Tell whether a pod was rolled out with a configuration."""
    rolled = (pod["metadata"].get("annotations") or {}).get(CHECKSUM_ANNOTATION)
    return bool(rolled == checksum(config_map["data"]["config.yml"]))


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


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level: {"storage.delete.enabled": True}."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: each
        for key, under in value.items()
        for name, each in _flat(under, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _said(settings: dict[str, Any], key: str) -> str:
    return str(settings[key]).lower() if key in settings else "missing"
