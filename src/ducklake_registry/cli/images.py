"""The commands of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

PANEL = "Images"


def register(app: typer.Typer) -> None:
    """Add these commands to `dlr`."""
    del app
