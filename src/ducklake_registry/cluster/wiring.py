"""How a node's containerd finds the registry under the names that people use.

An image is pulled by the node, where `localhost` is the node itself and the cluster's service names do not
resolve. So each name gets a `hosts.toml` that sends it to the registry's node port, which every node serves.
containerd reads these files at each pull. Source: containerd's docs/hosts.md.
"""

from __future__ import annotations

CERTS_FOLDER = "/etc/containerd/certs.d"


def registry_names(namespace: str, host_port: int) -> tuple[str, ...]:
    """Return the names under which people call the registry, from the laptop and within the cluster."""
    service = f"docker-registry.{namespace}"
    return (
        f"localhost:{host_port}",
        f"127.0.0.1:{host_port}",
        f"{service}.svc.cluster.local:5000",
        f"{service}.svc:5000",
        f"{service}:5000",
    )


def hosts_files(names: tuple[str, ...], node: str, node_port: int) -> dict[str, str]:
    """Return the files that wire a node, by their paths: each name leads to the node port of the node itself.

    A node's own name leads to its address whichever that is, also after a restart has changed it. `server` is
    where containerd turns when the host fails: given too, so that the error is not that of the replaced name.
    """
    address = f"http://{node}:{node_port}"
    content = (
        "# Written by dlr: this name is the registry in the cluster.\n"
        f'server = "{address}"\n\n[host."{address}"]\n  capabilities = ["pull", "resolve", "push"]\n'
    )
    return {f"{CERTS_FOLDER}/{name}/hosts.toml": content for name in names}
