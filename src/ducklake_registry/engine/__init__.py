"""The Docker Engine, through the docker SDK: images, and the containers that are kind's nodes."""

from ducklake_registry.engine.build import BuildFailed, BuildOptions, build
from ducklake_registry.engine.buildx import build_with_buildx, check_buildx
from ducklake_registry.engine.client import Engine, Node
from ducklake_registry.engine.context import BuildContext
from ducklake_registry.engine.failures import ConnectionBroken
from ducklake_registry.engine.images import Login, digests, named, platform_of, pull, push
from ducklake_registry.engine.nodes import load_image, node_has_image

__all__ = [
    "BuildContext",
    "BuildFailed",
    "BuildOptions",
    "ConnectionBroken",
    "Engine",
    "Login",
    "Node",
    "build",
    "build_with_buildx",
    "check_buildx",
    "digests",
    "load_image",
    "named",
    "node_has_image",
    "note_image",
    "platform_of",
    "pull",
    "push",
]
