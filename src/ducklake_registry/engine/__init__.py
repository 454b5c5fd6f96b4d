"""The Docker Engine, through the docker SDK: images, and the containers that are kind's nodes."""

from ducklake_registry.engine.client import Engine, Node

__all__ = ["Engine", "Node"]
