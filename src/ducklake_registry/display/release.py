"""What would go to production, for those who have to say yes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from ducklake_registry.display.changes import changes

if TYPE_CHECKING:
    from ducklake_registry.workflows.deploy_prod import Release


def release_picture(release: Release) -> Text:
    """Return where, which images by which digests, what is missing, and the difference object by object."""
    picture = Text()
    picture.append("context ", "bold").append(f"{release.context}\n")
    picture.append("server  ", "bold").append(f"{release.server}, Kubernetes {release.version}\n")
    for each in release.images:
        picture.append("image   ", "bold").append(f"{each.image}:{', '.join(each.tags)}\n        {each.digest}\n")
    for missing in release.missing:
        picture.append("missing ", "bold red").append(f"{missing}\n")
    return picture.append("\n").append(changes(release.changes))
