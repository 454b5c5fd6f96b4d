"""Findings that deploying the registry again repairs, what it is deployed as, and what that would replace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from ducklake_registry.doctor.finding import Finding, Remedy
from ducklake_registry.errors import ClusterError
from ducklake_registry.manifests import find, names, registry_objects

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient

READ_ONLY = "storage.maintenance.readonly.enabled"

_SHOWN = 3
# How distribution's configuration calls them: `http.secret`, `storage.s3.secretkey`, `redis.password`, `apikey`.
_SECRET = re.compile(r"secret|password|token|key|credential", re.IGNORECASE)


def deploy_again(patient: Patient, seen: str, means: str) -> Finding:
    """Return a finding whose repair is to deploy the registry again, with what was chosen for it kept.

    That makes the configuration on the cluster dlr's own, so it is only a remedy where nobody has chosen another:
    one with authentication would be open to everyone afterwards.
    """
    repair = patient.case.deploy_registry(patient.spec)
    if lost := _lost(patient):
        return Finding(seen, f"{means}; but deploying again would replace what was chosen: {lost}", repair)
    return Finding(seen, means, repair, remedy=Remedy.DEPLOY_REGISTRY)


def usual_image() -> str:
    """Return the image that the manifests name."""
    deployment = find(registry_objects(), "Deployment", names.DEPLOYMENT)
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def config_text(patient: Patient) -> str | None:
    """Return the registry's configuration as it is on the cluster, None where there is none."""
    text = ((patient.config_map or {}).get("data") or {}).get("config.yml")
    return None if text is None else str(text)


def settings_in(text: str) -> dict[str, Any]:
    """Return a configuration's settings as one level: {"storage.delete.enabled": True}.

    Raises ValueError, with the reason, for one that the registry cannot read.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"no YAML{_where(error)}") from error
    if not isinstance(found, dict):
        raise ValueError("no mapping of settings")  # noqa: TRY004 - YAML as it is, but no configuration
    return _flat(found)


def usual_settings() -> dict[str, Any]:
    """Return the settings that the manifests have, as one level."""
    return settings_in(find(registry_objects(), "ConfigMap", names.CONFIG)["data"]["config.yml"])


def differences(found: dict[str, Any]) -> str:
    """Return in words what somebody has chosen otherwise than dlr, "" for nothing; maintenance is no choice."""
    usual = usual_settings()
    changed = sorted(key for key in {*found, *usual} - {READ_ONLY} if found.get(key) != usual.get(key))
    shown = [f"{key} is {_said(found, key)} (dlr's: {_said(usual, key)})" for key in changed[:_SHOWN]]
    more = f", and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return f"{'; '.join(shown)}{more}"


def _lost(patient: Patient) -> str:
    """Return what deploying again would replace in the registry's configuration, "" for nothing."""
    try:
        text = config_text(patient)
        found = settings_in(text) if text is not None else None
    except ClusterError:
        return "its configuration cannot be seen"
    except ValueError as error:
        return f"its config.yml, which is {error}"
    return differences(found) if found else ""


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: each
        for key, under in value.items()
        for name, each in _flat(under, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _where(error: yaml.YAMLError) -> str:
    """Return what is wrong and in which line, without the line itself: it may have a secret in it."""
    mark = getattr(error, "problem_mark", None)
    return f": {getattr(error, 'problem', None) or 'not to be read'} in line {mark.line + 1}" if mark else ""


def _said(settings: dict[str, Any], key: str) -> str:
    """Return a setting's value; of one that may be a secret, or have one in it, only that it is set."""
    if key not in settings:
        return "missing"
    value = settings[key]
    has_parts = isinstance(value, list) and any(isinstance(each, dict) for each in value)
    return "set" if has_parts or _SECRET.search(key.rpartition(".")[2]) else str(value).lower()
