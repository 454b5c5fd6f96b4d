"""The options of the laptop's cluster, and of what is deployed to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ducklake_registry.cli import options
from ducklake_registry.settings import HOST_PORT

if TYPE_CHECKING:
    from ducklake_registry.cluster.kind import KindSpec


class Part(StrEnum):
    """A part of the environment that can be had alone."""

    REGISTRY = "registry"


Workers = Annotated[
    int | None, typer.Option(envvar="DLR_WORKERS", min=0, max=20, help="Nodes beside the control plane.")
]
NodeImage = Annotated[
    str | None,
    typer.Option(
        envvar="DLR_NODE_IMAGE",
        metavar="IMAGE",
        help="Image of the nodes. Default: kind's own, else a kindest/node that the engine has.",
    ),
]
RegistryImage = Annotated[
    str | None, typer.Option(envvar="DLR_REGISTRY_IMAGE", metavar="IMAGE", help="Image of the registry.")
]
Only = Annotated[
    Part | None,
    typer.Option(envvar="DLR_ONLY", help="Not what [environment] lists, but only this.", show_default=False),
]
NoBuild = Annotated[
    bool,
    typer.Option("--no-build", envvar="DLR_NO_BUILD", help="Run what is in the registry, and build nothing."),
]
SetContext = Annotated[bool, typer.Option("--set-context", help="Make the cluster your current kube context.")]


@dataclass(frozen=True, slots=True)
class KindOptions:
    """The kind cluster that is wanted; a command gets its options by `connected`."""

    name: options.ClusterName = "ducklake-cluster"
    host_port: options.HostPort = HOST_PORT
    workers: Workers = None
    node_image: NodeImage = None
    config: options.ConfigFile = None

    def spec(self) -> KindSpec:
        """Return the cluster that the options describe."""
        from ducklake_registry.cluster.kind import KindSpec

        return KindSpec(
            self.name, self.host_port, workers=self.workers, node_image=self.node_image, config=self.config
        )
