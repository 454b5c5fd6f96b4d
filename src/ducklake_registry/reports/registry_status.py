"""How the registry is: what the cluster says of it, and what it answers itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ducklake_registry.cluster import kinds
from ducklake_registry.cluster.client import NotServed
from ducklake_registry.cluster.hosting import published
from ducklake_registry.cluster.workload import is_ready, selector
from ducklake_registry.errors import ClusterError
from ducklake_registry.manifests import names, parse_quantity
from ducklake_registry.registry import RegistryClient, Retry
from ducklake_registry.reports.asking import Asked, Questions, asking
from ducklake_registry.reports.objects import Claim, Pod, Service, Workload, now
from ducklake_registry.reports.verdict import first_broken
from ducklake_registry.reports.volume import Disk, disk, stored
from ducklake_registry.settings import DEFAULT_REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.commands import Commands
    from ducklake_registry.errors import DlrError
    from ducklake_registry.manifests import Object

_ANSWER_SECONDS = 5.0
_TRIES = 3
"""An answer's time is the best of so many: the first also has the connecting, all have our own work beside."""


@dataclass(frozen=True, slots=True)
class Answer:
    """That the registry's API answers at `url`, and in how many `seconds`.

    `authorized` is whether we were let in; if not, the registry wants a login.
    """

    url: str
    seconds: float
    authorized: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """What the registry's pods use of the processor (cores) and of memory (bytes), and may use at the most."""

    cpu: float
    memory: int
    cpu_limit: float | None
    memory_limit: int | None


@dataclass(frozen=True, slots=True)
class RegistryStatus:
    """How the registry is at a time (`seen`): the verdict, and all that it rests on.

    `stored` is what its images take of the volume, in bytes. `outside` is the API from here, `inside` within the
    cluster (by way of the API server). `published` is where the cluster says that its registry is (KEP-1755).
    What is None was not there, or could not be had: then `unavailable` says for that part why.
    """

    healthy: bool
    verdict: str
    hint: str | None
    context: str | None
    namespace: str
    registry: str
    seen: datetime
    deployment: Workload | None
    pods: tuple[Pod, ...]
    services: tuple[Service, ...]
    claim: Claim | None
    stored: int | None
    disk: Disk | None
    outside: Answer | None
    inside: Answer | None
    repositories: int | None
    usage: Usage | None
    published: str | None
    unavailable: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Registry:
    """The registry in a namespace of a cluster, each question about it a method."""

    _cluster: Cluster
    namespace: str
    connected: Asked[str]

    @property
    def cluster(self) -> Cluster:
        """The cluster, once it has answered; one that does not is not asked again and again."""
        self.connected.get()
        return self._cluster

    def deployment(self) -> Object | None:
        return self.cluster.get(kinds.DEPLOYMENT, names.DEPLOYMENT, self.namespace)

    def pods(self) -> list[Object]:
        labels = selector({"app": names.DEPLOYMENT})
        return self.cluster.objects(kinds.POD, self.namespace, labels=labels)

    def services(self) -> list[Service]:
        found = self.cluster.objects(kinds.SERVICE, self.namespace, labels=selector(dict([names.PART_OF])))
        return [Service.of(each) for each in found]

    def claim(self) -> Claim | None:
        found = self.cluster.get(kinds.CLAIM, names.CLAIM, self.namespace)
        return Claim.of(found) if found else None

    def inside(self) -> Answer:
        """Ask the API by its service's name within the cluster.

        At `/`, which answers whoever asks: a 401 of the registry could not be told from one of the API server.
        """
        service = f"{names.SERVICE}:registry"
        path = f"/api/v1/namespaces/{self.namespace}/services/{service}/proxy/"
        seconds = min(_timed(lambda: self.cluster.raw(path)) for _ in range(_TRIES))
        return Answer(f"http://{names.SERVICE}.{self.namespace}.svc.cluster.local:{names.PORT}", seconds)

    def usage(self) -> list[Mapping[str, str]]:
        """Ask the metrics API what each container uses just now."""
        labels = selector({"app": names.DEPLOYMENT})
        try:
            found = self.cluster.objects(kinds.POD_METRICS, self.namespace, labels=labels)
        except NotServed as error:
            raise NotServed("the cluster has no metrics API (metrics-server)") from error
        if not found:
            raise ClusterError("the metrics API has no sample yet")
        return [each["usage"] for pod in found for each in pod["containers"]]

    def published(self) -> str | None:
        return published(self.cluster)


def client_of(registry: str) -> RegistryClient:
    """Return a client that asks once, and does not wait long."""
    return RegistryClient(registry, timeout=_ANSWER_SECONDS, retry=Retry(attempts=1))


def look(
    cluster: Cluster,
    commands: Commands,
    client_of: Callable[[str], RegistryClient] = client_of,
    usual: str = DEFAULT_REGISTRY,
) -> RegistryStatus:
    """Ask the cluster and the registry for everything at once.

    `commands` say which registry in which namespace; where they name none, it is the one that the cluster
    publishes, else `usual`. Raises UsageError for a context or a registry that cannot be meant; all else that
    fails is in the report.
    """
    with asking() as questions:
        # Connecting comes first and alone: what it loads would count as time that the API took.
        connected = questions.ask("cluster", lambda: _connected(cluster))
        context, at = connected.known(), _Registry(cluster, commands.namespace, connected)
        where = questions.ask("published", at.published)
        address = commands.registry or where.known() or usual
        with client_of(address) as client:
            status = _seen(questions, at, client)
        status = replace(status, context=context, registry=address, published=where.known())
        status = judged(replace(status, unavailable=questions.reasons()), questions.unavailable, commands)
        return status if commands.registry else with_guess(status)


def _seen(questions: Questions, at: _Registry, client: RegistryClient) -> RegistryStatus:
    """Return what all the questions bring, the context and the registry's name aside."""
    outside = questions.ask("outside", lambda: _outside(client))
    repositories = questions.ask("repositories", lambda: sum(1 for _ in client.catalog()))
    inside = questions.ask("inside", at.inside)
    deployment = questions.ask("deployment", at.deployment)
    pods = questions.ask("pods", at.pods)
    claim = questions.ask("claim", at.claim)
    services = questions.ask("services", at.services)
    kept = questions.ask("stored", lambda: stored(at.cluster, _ready(pods.get())))
    under = questions.ask("disk", lambda: disk(at.cluster, _ready(pods.get())))
    used = questions.ask("usage", at.usage)
    workload = deployment.known()
    containers = used.known()
    return RegistryStatus(
        healthy=False,
        verdict="",
        hint=None,
        context=None,
        namespace=at.namespace,
        registry="",
        seen=now(),
        deployment=Workload.of("Deployment", workload) if workload else None,
        pods=tuple(map(Pod.of, pods.known() or ())),
        services=tuple(services.known() or ()),
        claim=claim.known(),
        stored=kept.known(),
        disk=under.known(),
        outside=outside.known(),
        inside=inside.known(),
        repositories=repositories.known(),
        usage=_usage(containers, workload) if containers and workload else None,
        published=None,
        unavailable={},
    )


def judged(status: RegistryStatus, errors: Mapping[str, DlrError], commands: Commands) -> RegistryStatus:
    """Return the status with its verdict; `errors` are those of the parts that could not be had."""
    if broken := first_broken(status, errors, commands):
        return replace(status, verdict=broken.what, hint=broken.hint)
    unseen = [part for part in ("deployment", "pods", "inside") if part in errors]
    verdict = f"healthy, as far as it can be seen without {', '.join(unseen)}" if unseen else "healthy"
    return replace(status, healthy=True, verdict=verdict)


def with_guess(status: RegistryStatus) -> RegistryStatus:
    """Return a status of which nobody said where the registry is, and say so where the cluster does not either."""
    if status.published or not status.healthy:
        return status
    where = "since the cluster does not publish where its registry is: --registry names it"
    return replace(status, hint=f"what answers at {status.registry} was taken for it, {where}")


def _connected(cluster: Cluster) -> str:
    cluster.version()
    return cluster.context


def _outside(client: RegistryClient) -> Answer:
    pings = [client.ping() for _ in range(_TRIES)]
    fastest = min(pings, key=lambda each: each.seconds)
    return Answer(fastest.url, fastest.seconds, fastest.authorized)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ready(pods: list[Object]) -> Object:
    """Return a pod in which a program can be run."""
    found = next((each for each in pods if is_ready(each) and "deletionTimestamp" not in each["metadata"]), None)
    if found is None:
        raise ClusterError("no pod is ready to be asked")
    return found


def _usage(containers: list[Mapping[str, str]], deployment: Object) -> Usage:
    limits = deployment["spec"]["template"]["spec"]["containers"][0].get("resources", {}).get("limits", {})
    return Usage(
        float(sum(parse_quantity(each["cpu"]) for each in containers)),
        int(sum(parse_quantity(each["memory"]) for each in containers)),
        float(parse_quantity(limits["cpu"])) if "cpu" in limits else None,
        int(parse_quantity(limits["memory"])) if "memory" in limits else None,
    )
