"""What to type next."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text


def after_deploy_kind(address: str, context: str, *, is_default: bool) -> Table:
    """Return how to use an environment that has just been made."""
    choice = "" if is_default else f" --context {context}"
    registry = "" if address == "localhost:5000" else f" --registry {address}"
    destroy = "dlr destroy-kind" + ("" if is_default else f" --name {context.removeprefix('kind-')}")
    rows = (
        ("push an image", f"docker tag IMAGE {address}/IMAGE && docker push {address}/IMAGE"),
        ("run it in the cluster", f"kubectl --context {context} create deployment NAME --image {address}/IMAGE"),
        ("see how it is", f"dlr registry-status{choice}{registry}"),
        ("take it all away", destroy),
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), title=None)
    for what, command in rows:
        table.add_row(Text(what, "dim"), Text(command, "bold", overflow="fold"))
    return table
