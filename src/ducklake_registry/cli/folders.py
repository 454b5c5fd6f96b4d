"""Where `dlr` keeps what is its own, in the folders that the system has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def cache_folder(chosen: Path | None) -> Path:
    """Return the folder that was chosen, or else the one that the system has for such things."""
    from platformdirs import user_cache_path

    return chosen or user_cache_path("dlr")


def notes_folder() -> Path:
    """Return the folder where the tests of registries note what they put there, until it is gone."""
    from platformdirs import user_state_path

    return user_state_path("dlr") / "acceptance"
