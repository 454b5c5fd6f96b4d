"""What was chosen of a registry when it was deployed, and what the manifests say without any choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.manifests import names
from ducklake_registry.manifests.files import registry_objects
from ducklake_registry.manifests.patches import RegistrySpec, find

if TYPE_CHECKING:
    from ducklake_registry.manifests.files import Object


def chosen_spec(
    deployment: Object | None, node_ports: Object | None, namespace: str | None = None
) -> RegistrySpec:
    """Return what a registry's Deployment, and its Service with the node port, were made with."""
    container = deployment["spec"]["template"]["spec"]["containers"][0] if deployment else {}
    limits = container.get("resources", {}).get("limits", {})
    ports = node_ports.get("spec", {}).get("ports") or () if node_ports else ()
    return RegistrySpec(
        namespace,
        image=container.get("image"),
        node_port=next((each["nodePort"] for each in ports if "nodePort" in each), None),
        memory=limits.get("memory"),
        cpu=limits.get("cpu"),
    )


def usual_spec() -> RegistrySpec:
    """Return what the manifests say without any option."""
    objects = registry_objects()
    deployment = find(objects, "Deployment", names.DEPLOYMENT)
    return chosen_spec(deployment, find(objects, "Service", names.NODE_PORT_SERVICE))
