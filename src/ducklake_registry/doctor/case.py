"""`Case`: what is to be examined, as the user put it; and how commands about it are typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.kind import DEFAULT_NAME
from ducklake_registry.manifests import RegistrySpec, names, usual_spec
from ducklake_registry.settings import DEFAULT_REGISTRY, HOST_PORT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.engine import Engine
    from ducklake_registry.registry import RegistryClient


@dataclass(frozen=True, slots=True)
class Case:
    """A registry and the cluster that it is in.

    `context` and `registry` are None where the user has named none: then it is the laptop's cluster, or the
    current context, and that cluster's own registry. `client` makes a client of a registry with the user's
    options.
    `named_kubeconfig` is what was said with `--kubeconfig`. `thorough` allows to put something into the registry
    and the cluster; `notes` is the folder where that is noted, for what could not be removed again. `usual` is the
    registry where neither anybody nor the cluster says which.
    """

    kubeconfig: Kubeconfig
    context: str | None
    namespace: str
    registry: str | None
    client: Callable[[str], RegistryClient]
    engine: Engine
    named_kubeconfig: str | None = None
    thorough: bool = False
    usual: str = DEFAULT_REGISTRY
    notes: Path | None = None

    @property
    def commands(self) -> Commands:
        """How commands about this case are typed."""
        return Commands(self.context, self.namespace, self.registry, self.named_kubeconfig)

    def dlr(self, command: str, **options: object) -> str:
        """Return a command of ours about this case."""
        return self.commands.dlr(command, **options)

    def kubectl(self, context: str, *words: str) -> str:
        """Return a command of kubectl about this cluster."""
        return self.commands.kubectl(context, *words)

    def restart(self, context: str) -> str:
        """Return the command that replaces the registry's pods."""
        deployment = f"deployment/{names.DEPLOYMENT}"
        return self.kubectl(context, "rollout restart", deployment, "--namespace", self.namespace)

    def free_some(self, context: str, registry: str) -> str:
        """Return the command that frees the room of an IMAGE: deleting it takes its names away, and no bytes.

        Those go when they are collected, while nobody pushes. The registry is made to forget which blobs it has,
        or it would not take them when they come again.
        """
        listing = self.dlr("list-registry-images", sort="size", registry=registry)
        pod = f"deployment/{names.DEPLOYMENT}"
        program = f"-- registry garbage-collect {names.CONFIG_FILE}"
        collect = self.kubectl(context, "exec", pod, "--namespace", self.namespace, program)
        gone = f"{self.dlr('delete-image', with_platforms=True)} {registry}/IMAGE"
        return f"{gone} && {collect} && {self.restart(context)}  # IMAGE: {listing}"

    def deploy_kind(self, name: str, host_port: int) -> str:
        """Return the command that makes or repairs the laptop's cluster."""
        return self.dlr(
            "deploy-kind",
            name=name if name != DEFAULT_NAME else None,
            host_port=host_port if host_port != HOST_PORT else None,
        )

    def deploy_registry(self, spec: RegistrySpec) -> str:
        """Return the command that deploys the registry as `spec` says."""
        usual = usual_spec()
        chosen = {
            "registry_image": spec.image if spec.image != usual.image else None,
            "node_port": spec.node_port if spec.node_port != usual.node_port else None,
            "memory": spec.memory if spec.memory != usual.memory else None,
            "cpu": spec.cpu if spec.cpu != usual.cpu else None,
            "storage_size": spec.storage_size,
        }
        return self.dlr("deploy-registry", **chosen)
