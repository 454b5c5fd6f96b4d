"""The Docker Engine, through the docker SDK: images, and the containers that are kind's nodes."""

from ducklake_registry.engine.client import Engine, Node
from ducklake_registry.engine.nodes import containerd_answers, node_has_image, note_image

__all__ = ["Engine", "Node", "containerd_answers", "node_has_image", "note_image"]
