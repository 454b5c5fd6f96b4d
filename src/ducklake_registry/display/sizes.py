"""Sizes as people read them."""

from __future__ import annotations

_STEP = 1000


def spoken_size(size: int) -> str:
    """Return bytes in decimal units, as Docker does: "0 B", "1.2 kB", "38 MB", "1.4 GB"."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB", "PB"]
    while round(value) >= _STEP and len(units) > 1:
        value /= _STEP
        units.pop(0)
    digits = 0 if units[0] == "B" or value >= 9.95 else 1  # noqa: PLR2004 - two digits are enough
    return f"{value:.{digits}f} {units[0]}"
