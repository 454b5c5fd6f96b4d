"""What was moved between a registry and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.display.units import size

if TYPE_CHECKING:
    from ducklake_registry.workflows.transfer import Transferred


def moved(done: Transferred) -> str:
    """Return in words how much had to be moved."""
    if not done.moved:
        return f"all {size(done.size)} were there"
    return f"{size(done.moved)} moved of {size(done.size)}"


def would_move(done: Transferred) -> str:
    """Return in words how much would have to be moved."""
    return f"{size(done.moved)} of {size(done.size)} would be moved"


def digest(done: Transferred) -> str:
    """Return what a person may want to copy: the image's digest."""
    return done.digest
