"""The kind cluster that the registry is put on: made, or found and repaired."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ducklake_registry.cluster import kind
from ducklake_registry.cluster.apply import apply_all
from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.kinds import NODE, STORAGE_CLASS
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.cluster.ports import holder_of, next_free
from ducklake_registry.cluster.workload import is_ready
from ducklake_registry.errors import ClusterError, EngineError, TimeoutExpired
from ducklake_registry.waiting import Deadline, NotYet, wait_for
from ducklake_registry.workflows.first_volume import FOLDER, storage_objects
from ducklake_registry.workflows.node_image import choose_node_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.engine import Engine, Node
    from ducklake_registry.step import Report

_MARK = {"/etc/dlr-environment": "This cluster was completed by dlr.\n"}
"""What is on the control plane's node of a cluster once all of `kind create cluster` was done."""

_BEGUN = {"/etc/dlr-environment": "This cluster is being made by dlr.\n"}
"""What is there before that, from when `dlr` has put something into the cluster."""

_PATIENCE = 30.0
"""Seconds that an unfinished cluster has to show that it only needs a moment more."""


@dataclass(frozen=True, slots=True)
class KindCluster:
    """The cluster of `spec`, all waiting done by `deadline`."""

    spec: kind.KindSpec
    engine: Engine
    deadline: Deadline

    def check(self, report: Report) -> str:
        """See that the engine, kind and the host port are there to be used."""
        report("asking the engine")
        engine, program = self.engine.version(), kind.version()
        nodes = self.engine.nodes(self.spec.name)
        if not nodes:
            self._check_port()
            return f"Docker {engine}, kind {program}, port {self.spec.host_port} free"
        self._check_ours(nodes)
        return f"Docker {engine}, kind {program}, port {self.spec.host_port} ours"

    def ensure(self, report: Report) -> str:
        """Complete a cluster that is there if it was left half made; start it if it was stopped.

        A storage class, which kind makes but once, is made again if there is none at all.
        """
        nodes = self.engine.nodes(self.spec.name)
        self._check_ours(nodes)
        if not self.engine.has_files(nodes[0].name, _MARK):
            return self._complete(nodes, report)
        stopped = [node.name for node in nodes if not node.running]
        for name in stopped:
            report(f"starting {name}")
            self.engine.start_container(name)
        done = [f"started {len(stopped)} stopped nodes"] if stopped else []
        if not self._wait_for_api(nodes, self.deadline, report):
            self._make_storage(nodes[0], report)
            done.append("made its storage class again")
        return ", ".join(done) or "unchanged"

    def create(self, report: Report) -> str:
        """Make the cluster. It is for the caller to `mark` it, when nobody notes any more that it is begun."""
        image = choose_node_image(self.spec.node_image, self.engine, self.deadline, report)
        report(f"from {image}")
        kind.create(kind.config(self.spec), image.reference, self.deadline, report)
        return f"created from {image}"

    def _complete(self, nodes: Sequence[Node], report: Report) -> str:
        """Finish a cluster that was not seen complete: whoever made it may have been stopped at any point.

        One that comes up by itself is as good as made; any other is made anew, if it holds nothing yet.
        """
        with contextlib.suppress(ClusterError, TimeoutExpired):
            patience = Deadline(min(_PATIENCE, self.deadline.remaining))
            # kind makes the class after nearly all else: a node may be ready long before pods may be on it.
            if all(node.running for node in nodes) and self._wait_for_api(nodes, patience, report):
                # The class may have been made before kind was: that there is one tells nothing of the rest.
                self._make_storage(nodes[0], report)
                self.mark()
                return "completed"
        report("it was left half made; making it anew")
        begun = self.engine.has_files(nodes[0].name, _BEGUN)
        for node in nodes:
            self._check_empty(node, begun=begun)
        for node in nodes:
            self.engine.remove_container(node.name)
        outcome = self.create(report)
        self.mark()
        return f"left half made before; {outcome}"

    def _check_empty(self, node: Node, *, begun: bool) -> None:
        """See that a node has no volume: people make clusters with kind alone too, and images are in volumes.

        In a cluster that was `begun` here there may be the folder of the registry's, with nothing in it yet.
        """
        if self.engine.has_anything_in(node.name, FOLDER, but_folders=begun):
            name = self.spec.name
            raise ClusterError(
                f"the cluster {name} does not come up, and its node {node.name} holds volumes",
                hint=f"start it (docker start {node.name}), or give it up: dlr destroy-kind --name {name}",
            )

    def begin(self, _report: Report) -> str:
        """Note that what comes into the cluster before it is complete comes from here."""
        self.engine.write_files(self.engine.nodes(self.spec.name)[0].name, _BEGUN)
        return "noted"

    def mark(self) -> None:
        """Note that the cluster is complete."""
        self.engine.write_files(self.engine.nodes(self.spec.name)[0].name, _MARK)

    def _make_storage(self, node: Node, report: Report) -> None:
        """Make what kind makes for storage."""
        apply_all(connected(self.spec.name), storage_objects(self.engine, node), self.deadline, report)

    def _wait_for_api(self, nodes: Sequence[Node], deadline: Deadline, report: Report) -> bool:
        """Wait until all nodes are known to the cluster and ready; return whether it has a storage class."""

        def probe() -> bool | NotYet:
            try:
                cluster = connected(self.spec.name, request_timeout=5)
                ready = {each["metadata"]["name"] for each in cluster.objects(NODE) if is_ready(each)}
                classes = cluster.objects(STORAGE_CLASS)
            except ClusterError as error:
                return NotYet(error.message)
            missing = [node.name for node in nodes if node.name not in ready]
            return NotYet(f"{', '.join(missing)} not ready") if missing else bool(classes)

        hint = f"if it never answers again: dlr destroy-kind --name {self.spec.name}, which gives up its images"
        return wait_for(f"cluster {self.spec.name}", probe, deadline, report, hint=hint)

    def _check_port(self) -> None:
        port = self.spec.host_port
        container = self.engine.holder_of(port)
        if holder := f"the container {container}" if container else holder_of(port):
            raise EngineError(
                f"port {port} of this machine is held by {holder}",
                hint="end it (on macOS it may be AirPlay Receiver), or choose another: "
                f"--host-port {next_free(port)}",
            )

    def _check_ours(self, nodes: Sequence[Node]) -> None:
        """See that the cluster of this name is ours, and what is asked for where kind cannot change it."""
        name, port = self.spec.name, self.spec.host_port
        mapped = registry_port(self.spec, nodes)
        if mapped != port:
            raise ClusterError(
                f"the cluster {name} has the registry on port {mapped}, and kind cannot change that to {port}",
                hint=f"use --host-port {mapped}, or make the cluster anew: dlr destroy-kind --name {name}",
            )
        workers = sum(node.role == "worker" for node in nodes)
        if self.spec.workers is not None and not self.spec.config and self.spec.workers != workers:
            raise ClusterError(
                f"the cluster {name} has {workers} workers, and kind cannot make them {self.spec.workers}",
                hint=f"leave --workers out, or make the cluster anew: dlr destroy-kind --name {name}",
            )


def registry_port(spec: kind.KindSpec, nodes: Sequence[Node]) -> int:
    """Return the host port that leads to a cluster's registry.

    The mapping is what tells our clusters from others: ClusterError for one that has none.
    """
    mapped = next((node.ports[spec.node_port] for node in nodes if spec.node_port in node.ports), None)
    if mapped is None:
        raise ClusterError(
            f"the kind cluster {spec.name} was not made by dlr: it does not map port {spec.node_port}",
            hint=f"choose another name with --name; if it is to go: kind delete cluster --name {spec.name}",
        )
    return mapped


def connected(name: str, request_timeout: float = 15) -> Cluster:
    """Return the cluster as kind knows it, whatever the user's kubeconfig says."""
    return reached_by(kind.kubeconfig_of(name), request_timeout)


def reached_by(entries: dict[str, Any], request_timeout: float = 15) -> Cluster:
    """Return the cluster of a kubeconfig's only context; nothing was asked of it yet."""
    with kind.temporary_kubeconfig(entries) as path:
        cluster = Cluster(entries["contexts"][0]["name"], Kubeconfig((path,)), request_timeout)
        _ = cluster.api  # has read the file then
    return cluster
