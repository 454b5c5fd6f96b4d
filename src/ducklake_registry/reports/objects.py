"""What single objects of a cluster say of themselves, in the fields that a person looks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ducklake_registry.cluster.diagnosis import event_time, pod_trouble
from ducklake_registry.cluster.workload import container, is_ready, is_registry, progress
from ducklake_registry.manifests import parse_quantity, pod_specs

if TYPE_CHECKING:
    from ducklake_registry.manifests import Object

_ROLE = "node-role.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class Node:
    """A node; `trouble` is why it is not ready or what it lacks, None when all is well."""

    name: str
    ready: bool
    roles: tuple[str, ...]
    version: str
    created: datetime
    trouble: str | None

    @classmethod
    def of(cls, node: Object) -> Node:
        """Read a Node."""
        conditions = {each["type"]: each for each in node["status"].get("conditions", ())}
        ready = conditions.get("Ready", {}).get("status") == "True"
        pressed = [name for name, each in conditions.items() if name != "Ready" and each["status"] == "True"]
        trouble = ", ".join(pressed) if ready else conditions.get("Ready", {}).get("message", "it does not report")
        labels = node["metadata"].get("labels", {})
        roles = tuple(sorted(each.removeprefix(_ROLE) for each in labels if each.startswith(_ROLE)))
        version = node["status"]["nodeInfo"]["kubeletVersion"]
        return cls(_name(node), ready, roles, version, created(node), trouble or None)


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload; `ready` of `wanted` pods are of its newest template and available, of a Job have ended well.

    Of a CronJob, which has a `schedule`, it is the last run. A pod that nothing else has made is one of its own.
    `system` is whether it belongs to Kubernetes itself, `registry` whether it is the registry.
    """

    namespace: str
    kind: str
    name: str
    ready: int
    wanted: int
    image: str
    created: datetime
    system: bool
    registry: bool
    schedule: str | None = None
    suspended: bool = False

    @classmethod
    def of(cls, kind: str, workload: Object) -> Workload:
        """Read a Deployment, a StatefulSet, a DaemonSet, a Job, a CronJob or a Pod."""
        now, spec = progress(workload, kind), workload["spec"]
        *_, pod = pod_specs(workload)
        image = pod["containers"][0]["image"]
        namespace = workload["metadata"]["namespace"]
        return cls(
            namespace,
            kind,
            _name(workload),
            now.ready,
            now.wanted,
            image,
            created(workload),
            is_system(namespace),
            is_registry(workload),
            spec.get("schedule"),
            bool(spec.get("suspend")),
        )

    @property
    def whole(self) -> bool:
        """Whether all is there that is wanted now."""
        return self.suspended or self.ready >= self.wanted


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod; `restarts` counts its first container's, `trouble` is what keeps it from running."""

    name: str
    node: str | None
    ready: bool
    phase: str
    restarts: int
    created: datetime
    trouble: str | None

    @classmethod
    def of(cls, pod: Object) -> Pod:
        """Read a Pod."""
        leaving = "deletionTimestamp" in pod["metadata"]
        return cls(
            _name(pod),
            pod["spec"].get("nodeName"),
            is_ready(pod) and not leaving,
            "Terminating" if leaving else pod["status"].get("phase", "Unknown"),
            int(container(pod).get("restartCount", 0)),
            created(pod),
            pod_trouble(pod),
        )


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service; `node_port` is where every node offers it, if they do."""

    port: int
    protocol: str
    node_port: int | None


@dataclass(frozen=True, slots=True)
class Service:
    """A service and its ports; `external` are the addresses it has outside the cluster."""

    namespace: str
    name: str
    type: str
    cluster_ip: str | None
    external: tuple[str, ...]
    ports: tuple[Port, ...]
    system: bool
    registry: bool

    @classmethod
    def of(cls, service: Object) -> Service:
        """Read a Service."""
        spec, namespace, name = service["spec"], service["metadata"]["namespace"], _name(service)
        ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
        ports = (
            Port(each["port"], each.get("protocol", "TCP"), each.get("nodePort"))
            for each in spec.get("ports") or ()
        )
        return cls(
            namespace,
            name,
            spec.get("type", "ClusterIP"),
            spec.get("clusterIP"),
            (
                *(each.get("hostname") or each.get("ip", "") for each in ingress),
                *(spec.get("externalIPs") or ()),
            ),
            tuple(ports),
            is_system(namespace) or (namespace, name) == ("default", "kubernetes"),
            is_registry(service),
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on a volume; `size` is what the volume has, or what is asked for while there is none (bytes)."""

    namespace: str
    name: str
    phase: str
    size: int
    storage_class: str | None
    volume: str | None

    @classmethod
    def of(cls, claim: Object) -> Claim:
        """Read a PersistentVolumeClaim."""
        spec, status = claim["spec"], claim.get("status", {})
        size = status.get("capacity", {}).get("storage") or spec["resources"]["requests"]["storage"]
        return cls(
            claim["metadata"]["namespace"],
            _name(claim),
            "Terminating" if "deletionTimestamp" in claim["metadata"] else status.get("phase", "Unknown"),
            int(parse_quantity(size)),
            spec.get("storageClassName"),
            spec.get("volumeName"),
        )


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning of the cluster about an object, seen `count` times, at `last_seen` for the last."""

    namespace: str | None
    object: str
    reason: str
    message: str
    count: int
    last_seen: datetime

    @classmethod
    def of(cls, event: Object) -> Warned:
        """Read an Event."""
        about = event["involvedObject"]
        return cls(
            about.get("namespace"),
            f"{about.get('kind', '')}/{about.get('name', '')}",
            event.get("reason", ""),
            " ".join(event.get("message", "").split()),
            int(event.get("count") or (event.get("series") or {}).get("count") or 1),
            moment(event_time(event)),
        )


def is_system(namespace: str) -> bool:
    """Return whether a namespace is, by its name, Kubernetes' own or an add-on's."""
    return namespace.startswith("kube-") or namespace.endswith("-system") or namespace == "local-path-storage"


def created(each: Object) -> datetime:
    """Return when an object was made."""
    return moment(each["metadata"]["creationTimestamp"])


def moment(text: str) -> datetime:
    """Return the time that an RFC 3339 text means."""
    return datetime.fromisoformat(text)


def now() -> datetime:
    """Return the time, to the second as the cluster's own times are."""
    return datetime.now(UTC).replace(microsecond=0)


def _name(each: Object) -> str:
    return str(each["metadata"]["name"])
