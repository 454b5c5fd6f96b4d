"""What is in a namespace."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Held:
    """An object that cannot go because of its finalizers, none of which is Kubernetes' own."""

    kind: Kind
    name: str
    finalizers: tuple[str, ...]

    @property
    def resource(self) -> str:
        """What kubectl calls it: "configmap/held", "widget.example.com/held"."""
        group, slash, _ = self.kind.api_version.rpartition("/")
        return f"{self.kind.name.lower()}{'.' if slash else ''}{group}/{self.name}"


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


def held_objects(cluster: Cluster, namespace: str) -> list[Held]:
    """Return what of a namespace is to be deleted, but must stay until somebody takes a finalizer off it.

    Kubernetes takes off its own. Source: "Finalizers" of the Kubernetes documentation.
    """
    held = []
    for kind in _namespaced_kinds(cluster):
        with contextlib.suppress(AccessDenied):
            for each in cluster.objects(kind, namespace):
                metadata = each["metadata"]
                finalizers = tuple(filter(_is_foreign_finalizer, metadata.get("finalizers") or ()))
                if finalizers and "deletionTimestamp" in metadata:
                    held.append(Held(kind, metadata["name"], finalizers))
    return held


def _is_foreign_finalizer(name: str) -> bool:
    domain, slash, _ = name.partition("/")
    return bool(slash) and not f".{domain}".endswith((".kubernetes.io", ".k8s.io"))


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
