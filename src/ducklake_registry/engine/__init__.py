"""The Docker Engine, through the docker SDK: images, and the containers that are kind's nodes."""

from ducklake_registry.engine.build import BuildFailed, BuildOptions, build
from ducklake_registry.engine.buildx import check_buildx, load_with_buildx, push_with_buildx
from ducklake_registry.engine.client import Engine, Node
from ducklake_registry.engine.context import BuildContext
from ducklake_registry.engine.failures import ConnectionBroken
from ducklake_registry.engine.images import Login, digests, named, names_kept, platform_of, pull, push
from ducklake_registry.engine.nodes import load_images, node_has_image

__all__ = [
    "BuildContext",
    "BuildFailed",
    "BuildOptions",
    "ConnectionBroken",
    "Engine",
    "Login",
    "Node",
    "build",
    "check_buildx",
    "digests",
    "load_images",
    "load_with_buildx",
    "named",
    "names_kept",
    "node_has_image",
    "platform_of",
    "pull",
    "push",
    "push_with_buildx",
]
