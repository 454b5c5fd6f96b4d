"""The beginning of the way on a laptop: the engine, kind, and the nodes, which are the engine's containers."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ducklake_registry.cluster import kind
from ducklake_registry.doctor.finding import Finding, Look, Remedy, Severity, not_applicable, sound
from ducklake_registry.errors import ClusterError, EngineError
from ducklake_registry.reports.objects import Node as Reported
from ducklake_registry.settings import HOST_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.manifests import Object

_DISK = "DiskPressure"
_PRESSURES = {
    _DISK: "its disk is nearly full: no pod is placed there, and pods are thrown out",
    "MemoryPressure": "its memory is nearly used up: pods are thrown out",
    "PIDPressure": "it has nearly no process numbers left: pods are thrown out",
    "NetworkUnavailable": "its network is not set up: its pods reach nothing",
}


def engine(patient: Patient) -> Look:
    """The Docker Engine answers."""
    if patient.kind_name is None or not patient.belongs:
        return not_applicable("the nodes are not its containers")
    try:
        return sound(f"Docker {patient.engine_version}")
    except EngineError as error:
        # A cluster that answers all the same has its nodes in another engine, or in one that is not ours to ask.
        severity = Severity.WARNING if patient.api_answers else Severity.BROKEN
        seen = error.message + (f" (DOCKER_HOST is {host})" if (host := os.environ.get("DOCKER_HOST")) else "")
        means = "the cluster's nodes are its containers, and docker build and push are its work"
        return sound("", Finding(seen, means, _start(error), severity))


def kind_cluster(patient: Patient) -> Look:
    """Kind is there, and the engine has the nodes of the cluster."""
    name = patient.kind_name
    if name is None or not patient.belongs:
        return not_applicable("it is no kind cluster")
    if not patient.containers:
        if patient.api_answers:
            return not_applicable("its nodes are in another engine")
        repair = patient.case.deploy_kind(name, patient.endpoint.port if patient.is_local else HOST_PORT)
        means = "there is no environment yet, or it was deleted"
        seen = f"the engine has no kind cluster {name}"
        return sound("", Finding(seen, means, repair, remedy=Remedy.DEPLOY_KIND))
    try:
        return sound(f"cluster {name}, kind {kind.version()}")
    except ClusterError as error:
        means = "the cluster runs without it, but cannot be repaired or deleted"
        return sound("", Finding(error.message, means, error.hint or "", Severity.WARNING))


def nodes(patient: Patient) -> Look:
    """All nodes run, are ready, and have room."""
    if not patient.belongs:
        return not_applicable("the registry is not in this cluster")
    stopped: Finding | None = None
    with suppress(EngineError):  # which is the engine's own finding
        stopped = _stopped(patient)
    if stopped:
        return sound("", stopped)
    findings = [finding for node in patient.nodes for finding in _troubles(patient, node)]
    count = len(patient.nodes)
    return sound(f"{count} node{'' if count == 1 else 's'} ready", *findings)


def _stopped(patient: Patient) -> Finding | None:
    paused = [node.name for node in patient.containers if node.paused]
    off = [node.name for node in patient.containers if not node.running and not node.paused]
    if not paused and not off:
        return None
    seen = [f"{', '.join(names)} {word}" for names, word in ((off, "stopped"), (paused, "paused")) if names]
    repairs = [f"docker start {' '.join(off)}"] if off else []
    repairs += [f"docker unpause {' '.join(paused)}"] if paused else []
    means = "a kind cluster is as its containers were left: the engine or the machine was stopped"
    if other := _in_their_place(patient):
        means += f"; the container {other} has their port by now, so they cannot start"
        return Finding("; ".join(seen), means, " && ".join((f"docker stop {other}", *repairs)))
    return Finding("; ".join(seen), means, " && ".join(repairs), remedy=Remedy.START_NODES)


def _in_their_place(patient: Patient) -> str | None:
    """Return the container that has taken the port of nodes that were stopped."""
    holder = patient.engine.holder_of(patient.mapped) if patient.mapped else None
    return holder if holder not in {node.name for node in patient.containers} else None


def _troubles(patient: Patient, node: Object) -> Iterator[Finding]:
    """Give what a node says of itself that keeps pods from it."""
    found = Reported.of(node)
    if not found.ready:
        means = "its kubelet does not report: its pods count as gone after some minutes"
        look = f"docker exec {found.name} systemctl restart kubelet"
        repair = look if patient.kind_name else patient.case.kubectl(patient.context, "describe node", found.name)
        yield Finding(f"node {found.name} is not ready: {found.trouble}", means, repair)
        return
    for pressure in (found.trouble or "").split(", "):
        if pressure:
            means = _PRESSURES.get(pressure, "it says so itself")
            describe = patient.case.kubectl(patient.context, "describe node", found.name)
            repair = more_room(patient, found.name) if pressure == _DISK else describe
            yield Finding(f"node {found.name} reports {pressure}", means, repair)
    if node["spec"].get("unschedulable"):
        repair = patient.case.kubectl(patient.context, "uncordon", found.name)
        yield Finding(f"node {found.name} is cordoned", "no new pod is placed there", repair, Severity.WARNING)


def more_room(patient: Patient, node: str) -> str:
    """Return how a node's disk gets room.

    That of kind's nodes is the engine's. `docker system prune` would free it too, and take along whatever is
    stopped: another cluster, say.
    """
    if patient.kind_name:
        builds, images = "docker builder prune --all", "docker image prune --all"
        return f"{builds} && {images}  # what no container uses; the nodes' disk is the engine's"
    return patient.case.kubectl(patient.context, "describe node", node)


def _start(error: EngineError) -> str:
    if "permission denied" in error.message:
        return "sudo usermod -aG docker $USER  # and log in again"
    if "DOCKER_HOST" in os.environ:
        return "unset DOCKER_HOST  # or start the engine that it names"
    return "open -a Docker" if sys.platform == "darwin" else "sudo systemctl start docker"
