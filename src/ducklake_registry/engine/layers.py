"""What the engine tells of the layers that it moves to or from a registry."""

from __future__ import annotations

from typing import Any

_MOVING = {"Pushing", "Downloading", "Extracting", "Verifying Checksum"}
_DONE = {"Pushed", "Layer already exists", "Pull complete", "Already exists"}
_MEGA = 1_000_000


class Layers:
    """Follows the layers of one push or pull; as text a line for all, then one for each that moves just now."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[str, int, int]] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Take one event of the engine's stream in."""
        name, status = event.get("id"), str(event.get("status", ""))
        if not name or status.startswith(("Pulling from", "Digest")):
            return
        detail = event.get("progressDetail") or {}
        _, current, total = self._layers.get(name, ("", 0, 0))
        # What is uncompressed on the way is more than the engine thought.
        current = detail.get("current", current)
        total = max(detail.get("total", total), current)
        self._layers[name] = (status, total if status in _DONE else current, total)

    def __str__(self) -> str:
        moving = [
            f"{name}  {status.lower()} {_progress(current, total)}"
            for name, (status, current, total) in self._layers.items()
            if status in _MOVING
        ]
        return "\n".join([self._summary(), *moving])

    def _summary(self) -> str:
        done = sum(status in _DONE for status, _, _ in self._layers.values())
        current = sum(current for _, current, _ in self._layers.values())
        total = sum(total for _, _, total in self._layers.values())
        size = f", {_progress(current, total)}" if total else ""
        return f"{done} of {len(self._layers)} layers{size}"


def _progress(current: int, total: int) -> str:
    return f"{current / _MEGA:.1f} of {total / _MEGA:.1f} MB" if total else ""
