"""`Patient`: all that is known of the way to a registry, each thing asked once and when it is first wanted."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING, Any

from ducklake_registry.cluster import kind, kinds
from ducklake_registry.cluster.apply import preview
from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.diagnosis import last_log_lines
from ducklake_registry.cluster.execute import execute
from ducklake_registry.cluster.hosting import published
from ducklake_registry.cluster.kubeconfig import LAPTOP_CONTEXT
from ducklake_registry.cluster.library import load_library
from ducklake_registry.cluster.workload import is_ready, newest_pods
from ducklake_registry.doctor.facts import Known, fact
from ducklake_registry.engine.client import load_sdk
from ducklake_registry.errors import ClusterError, ClusterUnreachable, EngineError, UsageError
from ducklake_registry.manifests import RegistrySpec, chosen_spec, names, patched, registry_objects
from ducklake_registry.reference import is_loopback
from ducklake_registry.reports.volume import disk

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.cluster.apply import Change
    from ducklake_registry.doctor.case import Case
    from ducklake_registry.engine import Engine, Node
    from ducklake_registry.manifests import Object
    from ducklake_registry.registry import Answer, RegistryClient
    from ducklake_registry.registry.endpoint import Endpoint
    from ducklake_registry.reports.volume import Disk

SECONDS = 5.0
"""The longest that one answer is waited for."""

NODE_PORT = 30500
_LOG_LINES = 60
_MOST_NODES = 8


class Patient(Known):
    """The way to the registry of a case. Every fact raises DlrError when it cannot be had."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        # Both libraries load requests, whose modules hang on each other: two threads at it find them half loaded.
        self._loading = threading.Lock()

    def anticipate(self) -> tuple[Callable[[], object], ...]:
        """Return what takes long and will be wanted, to be begun at once."""
        return (lambda: self.api_version, lambda: self.silent)

    # --- the laptop

    @fact
    def engine_version(self) -> str:
        """The Docker Engine's version."""
        with self._loading:
            load_sdk()
        return self.case.engine.version()

    @property
    def engine(self) -> Engine:
        """The engine, once it has answered; what is loaded for that is loaded by one thread alone."""
        _ = self.engine_version
        return self.case.engine

    @fact
    def engine_info(self) -> dict[str, Any]:
        """What `docker info` shows."""
        return self.engine.info()

    @fact
    def context(self) -> str:
        """The kube context: the one that is named, else that of the laptop's own cluster, else the current one."""
        if self.case.context:
            return self.case.context
        try:
            chosen = Cluster(None, self.case.kubeconfig).context
        except ClusterUnreachable:
            return LAPTOP_CONTEXT
        # The laptop's cluster is the one that is meant even if somebody took it out of the kubeconfig.
        with contextlib.suppress(EngineError):
            if chosen != LAPTOP_CONTEXT and self.engine.nodes(kind.DEFAULT_NAME):
                return LAPTOP_CONTEXT
        return chosen

    @property
    def kind_name(self) -> str | None:
        """The name of the kind cluster that is meant, None for a cluster of another kind."""
        return self.context.removeprefix("kind-") if self.context.startswith("kind-") else None

    @fact
    def containers(self) -> list[Node]:
        """The nodes of the kind cluster, as the engine has them; none for a cluster of another kind."""
        return self.engine.nodes(self.kind_name) if self.kind_name else []

    @property
    def mapped(self) -> int | None:
        """The host's port that kind leads to the registry's node port."""
        ports = (node.ports for node in self.containers)
        return next((each[NODE_PORT] for each in ports if NODE_PORT in each), None)

    # --- the cluster

    @fact
    def api_version(self) -> str:
        """The Kubernetes version of the API server."""
        with self._loading:
            load_library()
        try:
            return self._cluster.version()
        except UsageError as error:
            if self.kind_name is None:
                raise
            raise ClusterUnreachable(error.message, error.hint) from error  # kind can tell how it is reached

    @fact
    def _cluster(self) -> Cluster:
        return Cluster(self.context, self.case.kubeconfig, SECONDS)

    @property
    def cluster(self) -> Cluster:
        """The cluster, once it has answered; what is loaded for that is loaded by one thread alone."""
        _ = self.api_version
        return self._cluster

    @property
    def api_answers(self) -> bool:
        """Whether the cluster can be asked."""
        with contextlib.suppress(ClusterError):
            return bool(self.api_version)
        return False

    @fact
    def nodes(self) -> list[Object]:
        """The nodes, as Kubernetes has them."""
        return self.cluster.objects(kinds.NODE)

    @fact
    def deployment(self) -> Object | None:
        """The registry's Deployment."""
        return self.cluster.get(kinds.DEPLOYMENT, names.DEPLOYMENT, self.case.namespace)

    @fact
    def pods(self) -> list[Object]:
        """The registry's pods that are not on their way out, the newest first."""
        return newest_pods(self.cluster, self.deployment) if self.deployment else []

    @property
    def ready_pod(self) -> Object | None:
        """A pod that takes requests, and in which programs can be run."""
        return next(filter(is_ready, self.pods), None)

    @fact
    def claim(self) -> Object | None:
        """The claim that the images are on."""
        return self.cluster.get(kinds.CLAIM, names.CLAIM, self.case.namespace)

    @fact
    def config_map(self) -> Object | None:
        """The ConfigMap with the registry's configuration."""
        return self.cluster.get(kinds.CONFIG_MAP, names.CONFIG, self.case.namespace)

    @fact
    def services(self) -> dict[str, Object]:
        """The services of the registry's namespace, by their names."""
        found = self.cluster.objects(kinds.SERVICE, self.case.namespace)
        return {str(each["metadata"]["name"]): each for each in found}

    @fact
    def changes(self) -> list[Change]:
        """What deploying the registry again would change of what runs, by the server's own word."""
        kept = {kinds.DEPLOYMENT.name, kinds.SERVICE.name}
        wanted = [each for each in patched(registry_objects(), self.spec) if each["kind"] in kept]
        with ThreadPool(len(wanted)) as pool:
            return [
                change for each in pool.map(lambda one: preview(self.cluster, [one]), wanted) for change in each
            ]

    @fact
    def silent(self) -> list[str]:
        """The nodes at whose node port no registry answers, as they themselves see it; kind's can be asked."""
        nodes = [node.name for node in self.containers if node.running][:_MOST_NODES]
        with ThreadPool(max(1, len(nodes))) as pool:
            return [node for node, good in zip(nodes, pool.map(self._answers, nodes), strict=True) if not good]

    def _answers(self, node: str) -> bool:
        # A node's proxy follows a pod that was replaced only a moment later.
        again = ["--retry", "2", "--retry-delay", "1", "--retry-connrefused"]
        asking = ["curl", "--silent", "--output", "/dev/null", "--dump-header", "-", "--max-time", f"{SECONDS:g}"]
        try:
            said = self.engine.run_in(node, [*asking, *again, f"http://{node}:{NODE_PORT}/v2/"])
        except EngineError:
            return False
        return "docker-distribution-api-version" in said.lower()  # whoever else may answer for an address of old

    @fact
    def disk(self) -> Disk | None:
        """The filesystem under the registry's folder; None while no pod runs that could tell."""
        return disk(self.cluster, self.ready_pod) if self.ready_pod else None

    @fact
    def log(self) -> list[str]:
        """The end of the newest pod's log, of the run that failed when it was started again since."""
        return last_log_lines(self.cluster, self.pods[0], _LOG_LINES) if self.pods else []

    @fact
    def release(self) -> str:
        """What the registry's own program says of its version; "" while no pod runs."""
        if self.ready_pod is None:
            return ""
        return execute(self.cluster, self.ready_pod, ["registry", "--version"], SECONDS).output.strip()

    @fact
    def published(self) -> str | None:
        """Where the cluster says that its registry is (KEP-1755)."""
        return published(self.cluster)

    @property
    def spec(self) -> RegistrySpec:
        """What was chosen for the registry when it was deployed, so that deploying it again keeps that."""
        deployment, service = None, None
        with contextlib.suppress(ClusterError):
            deployment = self.deployment
        with contextlib.suppress(ClusterError):
            service = self.services.get(names.NODE_PORT_SERVICE)
        spec = chosen_spec(deployment, service, self.case.namespace)
        return replace(spec, node_port=NODE_PORT) if self.kind_name else spec

    # --- the registry

    @fact
    def registry(self) -> str:
        """The registry as the user names it, else the address that the cluster's own has here."""
        if self.case.registry:
            return self.case.registry
        return self._home() or self.case.usual

    @fact
    def belongs(self) -> bool:
        """Whether the registry is the one in the cluster, as far as the user or the cluster says so."""
        if self.case.registry is None or self.case.context is not None:
            return True
        with contextlib.suppress(EngineError):
            if self.mapped:
                return self.is_local and self.endpoint.port == self.mapped
        return self.endpoint.name == self._home()

    def _home(self) -> str | None:
        with contextlib.suppress(EngineError):
            if self.mapped:
                return f"localhost:{self.mapped}"
        with contextlib.suppress(ClusterError):
            return self.published
        return None

    @property
    def endpoint(self) -> Endpoint:
        """Where the registry is."""
        return self.client.endpoint

    @property
    def is_local(self) -> bool:
        """Whether the registry is asked at this machine itself."""
        return is_loopback(self.endpoint.host)

    @fact
    def client(self) -> RegistryClient:
        """A client that asks everything once."""
        return self.case.client(self.registry)

    @fact
    def answer(self) -> Answer:
        """What the registry answers to the first of all questions, whoever asks."""
        return self.client.ask_as_stranger()
