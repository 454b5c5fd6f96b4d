"""What a deletion would do, as registry and cluster tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.cluster.pods import RunningImage, running_images
from ducklake_registry.display.deletion import deletion
from ducklake_registry.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.workflows.delete_images import DeleteImages, Doomed

# The cluster is asked as a courtesy: one that is away should not keep anybody waiting.
_CLUSTER_SECONDS = 5.0


def look(workflow: DeleteImages, terminal: Terminal) -> list[Doomed]:
    """Find what would go, and show that this is being done."""
    with terminal.working("Looking at what would go") as report:
        return workflow.find(report)


def seen(doomed: Sequence[Doomed], context: str | None, kubeconfig: str | None, terminal: Terminal) -> Text:
    """Picture what would go, with the pods that run it if the cluster can be asked; else say that it cannot."""
    running: list[RunningImage] = []
    cluster = Cluster(context, Kubeconfig.parse(kubeconfig), _CLUSTER_SECONDS)
    try:
        running = running_images(cluster)
    except ClusterError as error:
        terminal.note(f"which pods run it is not known: {error.message}")
    return deletion(doomed, running)
