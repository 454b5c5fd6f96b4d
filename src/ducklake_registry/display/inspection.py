"""An image from near, for people."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ducklake_registry.display.sizes import spoken_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import RenderableType

    from ducklake_registry.reports.inspection import Inspection, RunConfig

_SHORT = 19  # sha256: and twelve digits


def inspection(found: Inspection) -> RenderableType:
    """Return the facts, then what it is made of, then what refers to it."""
    parts: list[RenderableType] = [Text(found.image, "bold"), Text(found.digest), _facts(found)]
    if found.manifests:
        # A digest and anything beside it are too wide for a line of 80.
        listed = (f"  {each.platform or each.media_type}\n    {each.digest}" for each in found.manifests)
        parts += [_head("Manifests"), Text("\n".join(listed))]
        parts += [Text("\nOne of them from near: --platform OS/ARCH", "dim")]
    if found.layers:
        layers = [(spoken_size(each.size), each.digest[:_SHORT], each.command or "") for each in found.layers]
        parts += [_head("Layers"), _rows(layers)]
    if found.referrers:
        others = [(each.artifact_type, each.digest[:_SHORT], spoken_size(each.size)) for each in found.referrers]
        parts += [_head("Referrers"), _rows(others)]
    return Group(*parts)


def _facts(found: Inspection) -> Table:
    facts = {
        "Type": found.media_type,
        "Artifact": found.artifact_type or "",
        "Platforms": ", ".join(found.platforms),
        "Size": "" if found.size is None else spoken_size(found.size),
        **(_of_config(found.config) if found.config else {}),
        "Annotations": _pairs(found.annotations),
    }
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            table.add_row(name, Text(value))
    return table


def _of_config(config: RunConfig) -> dict[str, str]:
    return {
        "Created": config.created or "",
        "Author": config.author or "",
        "Entrypoint": shlex.join(config.entrypoint),
        "Command": shlex.join(config.command),
        "User": config.user or "",
        "Folder": config.working_dir or "",
        "Ports": ", ".join(config.exposed_ports),
        "Volumes": ", ".join(config.volumes),
        "Environment": "\n".join(config.env),
        "Labels": _pairs(config.labels),
    }


def _pairs(values: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={value}" for key, value in values.items())


def _head(text: str) -> Text:
    return Text(f"\n{text}", "bold")


def _rows(rows: Iterable[tuple[str, str, str]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 0, 0, 2), pad_edge=True)
    for _ in range(3):
        table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
