"""Findings that deploying the registry again repairs, and what it is deployed as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.doctor.finding import Finding, Remedy
from ducklake_registry.manifests import find, names, registry_objects

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient


def deploy_again(patient: Patient, seen: str, means: str, *, safe: bool = True) -> Finding:
    """Return a finding whose repair is to deploy the registry again, with what was chosen for it kept."""
    repair = patient.case.deploy_registry(patient.spec)
    return Finding(seen, means, repair, remedy=Remedy.DEPLOY_REGISTRY if safe else None)


def usual_image() -> str:
    """Return the image that the manifests name."""
    deployment = find(registry_objects(), "Deployment", names.DEPLOYMENT)
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def usual_configuration() -> str:
    """Return the configuration that the manifests have."""
    return str(find(registry_objects(), "ConfigMap", names.CONFIG)["data"]["config.yml"])
