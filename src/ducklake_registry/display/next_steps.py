"""What to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from ducklake_registry.settings import DEFAULT_REGISTRY

if TYPE_CHECKING:
    from collections.abc import Sequence


def after_deploy_kind(
    address: str, context: str, images: Sequence[str], *, is_default: bool, usual: str = DEFAULT_REGISTRY
) -> Text:
    """Return how to use an environment that has just been made; `images` are those that the project builds.

    `usual` is the registry that commands speak to which name none.
    """
    choice = "" if is_default else f" --context {context}"
    registry = "" if address == usual else f" --registry {address}"
    destroy = "dlr destroy-kind" + ("" if is_default else f" --name {context.removeprefix('kind-')}")
    which = f" --image {images[0]}" if len(images) > 1 else ""
    own = (
        ("see all that runs", f"dlr status{choice}"),
        ("after a change of the code, run the new version", f"dlr build-and-push{registry}{which}"),
    )
    others = (
        ("name an image after the registry, and push it", f"docker tag app {address}/app"),
        ("", f"docker push {address}/app"),
        ("run it in the cluster", f"kubectl --context {context} run app --image {address}/app"),
    )
    rows = (
        *(own if images else others),
        ("see how the registry is", f"dlr registry-status{choice}"),
        ("take it all away", destroy),
    )
    picture = Text("\n")
    for what, command in rows:
        picture.append(f"  # {what}\n" if what else "", "dim").append(f"  {command}\n", "bold")
    return picture
