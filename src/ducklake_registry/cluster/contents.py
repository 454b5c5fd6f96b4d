"""What is in a namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.cluster.client import NotServed
from ducklake_registry.cluster.kinds import Kind
from ducklake_registry.errors import AccessDenied

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object

# What the cluster puts into every namespace, or derives from other objects.
_DERIVED = {"Event", "Endpoints", "EndpointSlice", "PodMetrics", "ReplicaSet", "ControllerRevision", "Lease"}
_OWN = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}


def foreign_objects(cluster: Cluster, namespace: str) -> list[str]:
    """Return the names ("Secret token") of all that somebody has put into a namespace.

    Every kind that the cluster serves is asked for; one that we may not see counts as there.
    """
    found = []
    for kind in _namespaced_kinds(cluster):
        try:
            objects = cluster.objects(kind, namespace)
        except AccessDenied:
            found.append(f"{kind.name} objects that we may not see")
            continue
        found += [f"{kind.name} {each['metadata']['name']}" for each in objects if _is_foreign(kind, each)]
    return found


def _is_foreign(kind: Kind, each: Object) -> bool:
    metadata = each["metadata"]
    gone = "deletionTimestamp" in metadata or "ownerReferences" in metadata
    return not gone and (kind.name, metadata["name"]) not in _OWN


def _namespaced_kinds(cluster: Cluster) -> list[Kind]:
    groups = cluster.answer("/apis", "groups")
    versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
    kinds = []
    for version in versions:
        try:
            resources = cluster.served(version)
        except NotServed:
            continue  # an aggregated API whose server is away
        kinds += [
            Kind(version, each["kind"])
            for each in resources
            if each["namespaced"] and "list" in each["verbs"] and each["kind"] not in _DERIVED
        ]
    return kinds
