"""The laptop's environment: a kind cluster with a registry that the laptop and the pods call by one name."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ducklake_registry.cluster import kind
from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.hosting import Hosting, publish
from ducklake_registry.cluster.kubeconfig import Kubeconfig, merge
from ducklake_registry.cluster.wiring import hosts_files, registry_names
from ducklake_registry.errors import ClusterError, RegistryError
from ducklake_registry.manifests import RegistrySpec, find, patched, registry_objects
from ducklake_registry.registry import RegistryClient
from ducklake_registry.step import Step
from ducklake_registry.waiting import Deadline, NotYet, wait_for
from ducklake_registry.workflows.deploy_registry import DEPLOYMENT_NAME, DeployRegistry
from ducklake_registry.workflows.first_volume import FirstVolume
from ducklake_registry.workflows.head_start import HeadStart
from ducklake_registry.workflows.images_in_nodes import ImagesInNodes, loadable
from ducklake_registry.workflows.kind_cluster import KindCluster, reached_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ducklake_registry.engine import Engine
    from ducklake_registry.step import Report

_ADMIN_CONF = "/etc/kubernetes/admin.conf"

HELP_URL = "https://kind.sigs.k8s.io/docs/user/local-registry/"


@dataclass(frozen=True)
class DeployKind:
    """The environment that is wanted. Nothing is asked of anyone before a step runs.

    The user's current context stays what it is unless `set_context`.
    """

    spec: kind.KindSpec
    registry: RegistrySpec
    engine: Engine
    kubeconfig: Kubeconfig
    deadline: Deadline
    set_context: bool = False

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        return [
            Step("Check what is needed", self.check),
            Step(f"Make the cluster {self.spec.name}", self.make_cluster),
            Step(f"Add the kube context {self.spec.context}", self.add_context),
            Step(f"Bring {self.registry_image} into the nodes", self.load_image),
            Step(f"Wire the nodes for {self.address}", self.wire),
            Step("Make the registry's volume", self.make_volume),
            *self.deploy_registry.steps(),
            Step("Publish where the registry is (KEP-1755)", self.publish),
            Step(f"Wait for http://{self.address}/v2/", self.wait_for_api),
        ]

    @cached_property
    def kind_cluster(self) -> KindCluster:
        """The cluster as kind and the engine know it."""
        return KindCluster(self.spec, self.engine, self.deadline)

    def check(self, report: Report) -> str:
        """See that all is there and makes sense that the steps need, before any of them changes something."""
        kind.config(self.spec)
        patched(registry_objects(), self.registry)
        self.kubeconfig.contexts()
        return self.kind_cluster.check(report)

    def make_cluster(self, report: Report) -> str:
        """Make or repair the cluster; in a new one the next steps are begun while it is still starting."""
        if self.engine.nodes(self.spec.name):
            return self.kind_cluster.ensure(report)
        begun = [self._see_kubeconfig, self._reach_early, self.load_image]
        if self._size == 1:
            # A pod that found no node before the workers have joined is not tried again for most of a minute.
            begun += [self.kind_cluster.begin, self._deploy_early]
        with HeadStart(begun, self.deadline):
            outcome = self.kind_cluster.create(report)
        self.kind_cluster.mark()
        return outcome

    @property
    def _size(self) -> int:
        """How many nodes the cluster is to have."""
        return len(kind.config(self.spec)["nodes"])

    def _see_kubeconfig(self, _report: Report) -> str:
        """See that kubeadm has written a kubeconfig: to ask kind for it starts four programs, each time."""
        node = self.engine.nodes(self.spec.name)[:1]
        if not any(self.engine.files_in(each.name, _ADMIN_CONF) for each in node):
            raise ClusterError(f"the control plane of {self.spec.name} has no {_ADMIN_CONF}")
        return "there"

    def _reach_early(self, _report: Report) -> str:
        """See that the control plane is up: until then it needs all that the machine has, afterwards little."""
        return self._own_cluster.version()

    def _deploy_early(self, report: Report) -> str:
        self._first_volume(self._own_cluster).begin_class(self.engine.nodes(self.spec.name)[0])
        self._make_volume(self._own_cluster)
        return DeployRegistry(self._own_cluster, self.registry, self.deadline).apply(report)

    @cached_property
    def _own_cluster(self) -> Cluster:
        """The cluster before there is a context for it; while it starts it is asked again and again."""
        return reached_by(self._entries, request_timeout=5)

    @cached_property
    def _entries(self) -> dict[str, Any]:
        """The cluster's part of a kubeconfig. kind runs a program in a node to tell it: it is asked once."""
        return kind.kubeconfig_of(self.spec.name)

    @property
    def address(self) -> str:
        """The registry's name on the laptop and in image names."""
        return f"localhost:{self.spec.host_port}"

    @property
    def registry_image(self) -> str:
        """The image that the registry runs from."""
        deployment = find(patched(registry_objects(), self.registry), "Deployment", DEPLOYMENT_NAME)
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster, through the context that `add_context` has seen to."""
        return Cluster(self.spec.context, self.kubeconfig)

    @cached_property
    def deploy_registry(self) -> DeployRegistry:
        """The registry's own steps, the same as on any cluster; nobody can tell this command other limits."""
        return DeployRegistry(self.cluster, self.registry, self.deadline, keep_limits=True)

    @cached_property
    def images(self) -> ImagesInNodes:
        """What the nodes get from the engine instead of from a registry."""
        return ImagesInNodes(self.spec.name, self.engine, self.deadline)

    def add_context(self, _report: Report) -> str:
        """Let the user's kubeconfig know the cluster."""
        return merge(self.kubeconfig, self._entries, make_current=self.set_context)

    def load_image(self, report: Report) -> str:
        """Bring the registry's image into the nodes, if the engine has it."""
        return self.images.ensure([self.registry_image], report)

    def bring_step(self, images: Callable[[], Sequence[str]]) -> Step:
        """Return the step that spares the nodes pulling what workloads need and the engine has."""
        return Step("Bring the workloads' images into the nodes", partial(self.bring, images))

    def bring(self, images: Callable[[], Sequence[str]], report: Report) -> str:
        """Bring those images into the nodes that the engine may give them."""
        here = registry_names(self.deploy_registry.namespace, self.spec.host_port)
        return self.images.ensure(loadable(images(), here), report)

    def wire(self, report: Report) -> str:
        """Make every node pull from the registry under every name that people use for it."""
        nodes = self.engine.nodes(self.spec.name)
        node_port = self.registry.node_port or self.spec.node_port
        gateway = f"{nodes[0].name}:{node_port}"
        names = (*registry_names(self.deploy_registry.namespace, self.spec.host_port), gateway)
        changed = 0
        for node in nodes:
            report(node.name)
            changed += self.engine.write_files(node.name, hosts_files(names, node.name, node_port))
        return f"{changed} of {len(nodes)} nodes wired" if changed else "unchanged"

    def make_volume(self, _report: Report) -> str:
        """Make the registry's volume where there is no choice about it."""
        return self._make_volume(self.cluster)

    def _make_volume(self, cluster: Cluster) -> str:
        return self._first_volume(cluster).ensure(self.engine.nodes(self.spec.name))

    def _first_volume(self, cluster: Cluster) -> FirstVolume:
        return FirstVolume(cluster, self.engine, patched(registry_objects(), self.registry))

    def publish(self, _report: Report) -> str:
        """Tell other tools where the registry is."""
        control_plane = self.engine.nodes(self.spec.name)[0].name
        hosting = Hosting(
            host=self.address,
            from_container_runtime=f"{control_plane}:{self.registry.node_port or self.spec.node_port}",
            from_cluster_network=f"docker-registry.{self.deploy_registry.namespace}.svc.cluster.local:5000",
            help=HELP_URL,
        )
        return publish(self.cluster, hosting).outcome

    def wait_for_api(self, report: Report) -> str:
        """Wait until the registry answers from where the user stands."""
        # While the way to it is being made, what is sent may be dropped, and is sent again after a whole second.
        patience = itertools.chain((0.3, 0.6), itertools.repeat(5))

        def probe() -> str | NotYet:
            with RegistryClient(self.address, timeout=next(patience)) as client:
                try:
                    client.ping()
                except RegistryError as error:
                    return NotYet(error.message)
            return "answers"

        hint = "`dlr registry-status` shows what there is; `dlr logs` what the registry says"
        return wait_for(f"http://{self.address}/v2/", probe, self.deadline, report, hint=hint)
