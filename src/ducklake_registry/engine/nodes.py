"""Images within kind's nodes, whose containerd is asked through the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.errors import EngineError
from ducklake_registry.reference import Reference

if TYPE_CHECKING:
    from ducklake_registry.engine.client import Engine

_CTR = ("ctr", "--namespace", "k8s.io", "images")
_LABEL = "ducklake-registry/engine-image"
"""Notes on a node's image which one of the engine's it was made from: containerd gives it another id."""


def containerd_answers(engine: Engine, node: str) -> bool:
    """Return whether a node is so far that its containerd can be spoken to."""
    try:
        engine.run_in(node, [*_CTR, "ls", "--quiet"])
    except EngineError:
        return False
    return True


def node_has_image(engine: Engine, node: str, reference: str, image_id: str) -> bool:
    """Return whether a node has the engine's image `image_id` under this name, as `note_image` noted it."""
    chosen = f'name=={_full_name(reference)},labels."{_LABEL}"=={image_id}'
    return bool(engine.run_in(node, [*_CTR, "ls", "--quiet", chosen]).strip())


def note_image(engine: Engine, node: str, reference: str, image_id: str) -> None:
    """Note on a node's image that it is the engine's `image_id`."""
    engine.run_in(node, [*_CTR, "label", _full_name(reference), f"{_LABEL}={image_id}"])


def _full_name(reference: str) -> str:
    """Return the name by which containerd knows an image: with its registry, and `latest` written out."""
    parsed = Reference.parse(reference, default_registry="docker.io")
    return str(parsed) if parsed.target else f"{parsed}:latest"
