"""What would go to production, for those who have to say yes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from ducklake_registry.display.changes import changes
from ducklake_registry.display.tables import Cell, table

if TYPE_CHECKING:
    from ducklake_registry.workflows.deploy_prod import Release


def release_picture(release: Release) -> Group:
    """Return where, which images by which digests, and the difference."""
    head = Text.assemble((release.context, "bold"), f"  {release.server}, Kubernetes {release.version}")
    rows: list[tuple[Cell, ...]] = [
        (each.image, ", ".join(each.tags), Text(each.digest, overflow="fold")) for each in release.images
    ]
    images = [table(("IMAGE", "TAG", "DIGEST"), rows)] if rows else []
    return Group(head, *images, changes(release.changes))
