"""Where a cluster says that its registry is, and saying so. Source: KEP-1755."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from ducklake_registry.cluster.apply import apply
from ducklake_registry.cluster.kinds import CONFIG_MAP
from ducklake_registry.manifests import data_folder, load

if TYPE_CHECKING:
    from ducklake_registry.cluster.apply import Change
    from ducklake_registry.cluster.client import Cluster

_NAME, _NAMESPACE = "local-registry-hosting", "kube-public"
_KEY = "localRegistryHosting.v1"


@dataclass(frozen=True, slots=True)
class Hosting:
    """The registry's addresses, HOST[:PORT]: from the laptop, from the nodes' containerd, and from pods."""

    host: str
    from_container_runtime: str
    from_cluster_network: str
    help: str


def publish(cluster: Cluster, hosting: Hosting) -> Change:
    """Tell other tools where the registry is."""
    (wanted,) = load([data_folder("kind") / f"{_NAME}.yaml"])
    said = {
        "host": hosting.host,
        "hostFromContainerRuntime": hosting.from_container_runtime,
        "hostFromClusterNetwork": hosting.from_cluster_network,
        "help": hosting.help,
    }
    wanted["data"] = {_KEY: yaml.safe_dump(said, sort_keys=False)}
    return apply(cluster, wanted)


def published(cluster: Cluster) -> str | None:
    """Return where the registry is for the laptop, as the cluster tells it; None where it does not."""
    found = cluster.get(CONFIG_MAP, _NAME, _NAMESPACE)
    text = ((found or {}).get("data") or {}).get(_KEY, "")
    try:
        hosting = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    host = hosting.get("host") if isinstance(hosting, dict) else None
    return host if isinstance(host, str) and host else None
