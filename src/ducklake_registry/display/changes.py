"""The difference between what is on a cluster and what is wanted, object by object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.cluster.apply import Change

_VERBS = {"created": "create", "configured": "change", "replaced": "replace", "unchanged": "keep"}
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def changes(found: Sequence[Change]) -> Text:
    """Return one line per object, with the lines of its difference under it."""
    picture = Text()
    for change in found:
        picture.append(f"{_VERBS[change.outcome]:<7} ", "bold").append(f"{change.kind} {change.name}\n")
        for line in change.difference:
            picture.append(f"    {line}\n", _STYLES.get(line[:1], ""))
    picture.rstrip()
    return picture
