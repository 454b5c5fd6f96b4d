"""`dlr --version --verbose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ducklake_registry.reports.versions import Versions


def version_lines(found: Versions) -> str:
    """Return a line for each; the first is what `dlr --version` says by itself."""
    rows = {"python": found.python, **found.others}
    width = max(map(len, rows))
    return "\n".join([f"dlr {found.dlr}", *(f"{name:<{width}}  {version}" for name, version in rows.items())])
