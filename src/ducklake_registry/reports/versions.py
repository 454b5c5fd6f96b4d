"""What `dlr` talks to, and in which version; none of it need be there."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry import __version__
from ducklake_registry.reports.asking import asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.engine import Engine


@dataclass(frozen=True, slots=True)
class Versions:
    """`dlr` and what it runs on, then what it talks to: each one's version, or why there is none to be had."""

    dlr: str
    python: str
    others: dict[str, str]


def look(engine: Engine, cluster: Cluster) -> Versions:
    """Ask all of them at once; each has as long as `engine` and `cluster` were given."""
    from ducklake_registry.cluster import kind
    from ducklake_registry.engine import check_buildx

    with asking() as questions:
        parts: dict[str, Callable[[], str]] = {
            "engine": engine.described,
            "buildx": check_buildx,
            "kind": kind.version,
            "kubernetes": lambda: f"{cluster.version()} (context {cluster.context})",
        }
        asked = {part: questions.ask(part, question) for part, question in parts.items()}
        found = {part: each.told() for part, each in asked.items()}
    return Versions(__version__, f"{platform.python_version()} on {platform.system()} {platform.machine()}", found)
