"""All that runs in a cluster, the registry among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from ducklake_registry.cluster import kinds
from ducklake_registry.reports.asking import asking
from ducklake_registry.reports.objects import Claim, Node, Service, Warned, Workload, now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.kinds import Kind

RECENT = timedelta(hours=1)
"""How far back warnings are shown; the cluster itself keeps them about as long."""

_WORKLOADS = (kinds.DEPLOYMENT, kinds.STATEFUL_SET, kinds.DAEMON_SET, kinds.JOB, kinds.CRON_JOB, kinds.POD)


@dataclass(frozen=True, slots=True)
class Status:
    """What is in a cluster at a time (`seen`).

    The registry's own objects come first, Kubernetes' last; of warnings the newest. `unavailable` says for each
    part that could not be had why.
    """

    context: str
    server: str
    version: str | None
    seen: datetime
    nodes: tuple[Node, ...]
    workloads: tuple[Workload, ...]
    services: tuple[Service, ...]
    claims: tuple[Claim, ...]
    warnings: tuple[Warned, ...]
    unavailable: Mapping[str, str]


def look(cluster: Cluster) -> Status:
    """Ask the cluster for everything at once. Raises ClusterUnreachable; what is forbidden is left out."""
    context, server = cluster.context, cluster.server
    with asking() as questions:
        version = questions.ask("version", cluster.version)
        nodes = questions.ask("nodes", lambda: map(Node.of, cluster.objects(kinds.NODE)))
        workloads = [questions.ask("workloads", partial(_workloads, cluster, kind)) for kind in _WORKLOADS]
        services = questions.ask("services", lambda: map(Service.of, cluster.objects(kinds.SERVICE)))
        claims = questions.ask("claims", lambda: map(Claim.of, cluster.objects(kinds.CLAIM)))
        warnings = questions.ask("warnings", lambda: _warnings(cluster))
        status = Status(
            context,
            server,
            version.known(),
            now(),
            tuple(nodes.known() or ()),
            tuple(sorted((each for found in workloads for each in found.known() or ()), key=_rank)),
            tuple(sorted(services.known() or (), key=_rank)),
            tuple(claims.known() or ()),
            tuple(warnings.known() or ()),
            questions.reasons(),
        )
        if error := questions.no_cluster():
            raise error
        return status


def _workloads(cluster: Cluster, kind: Kind) -> list[Workload]:
    """Return the workloads of a kind; those that another makes (a CronJob's Jobs, their pods) are that one's."""
    found = cluster.objects(kind)
    return [Workload.of(kind.name, each) for each in found if "ownerReferences" not in each["metadata"]]


def _warnings(cluster: Cluster) -> list[Warned]:
    events = cluster.objects(kinds.EVENT, fields="type=Warning")
    recent = (each for each in map(Warned.of, events) if now() - each.last_seen < RECENT)
    return sorted(recent, key=lambda each: each.last_seen, reverse=True)


def _rank(each: Workload | Service) -> tuple[bool, bool, str, str]:
    return (not each.registry, each.system, each.namespace, each.name)
