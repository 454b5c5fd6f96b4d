"""Images within kind's nodes, whose containerd is asked through the engine."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from ducklake_registry.errors import ClusterError, EngineError
from ducklake_registry.process import CommandFailed, CommandMissing, pipe
from ducklake_registry.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ducklake_registry.engine.client import Engine
    from ducklake_registry.waiting import Deadline

_CTR = ("ctr", "--namespace", "k8s.io", "images")
_LABEL = "ducklake-registry/engine-image"
"""Notes on a node's image which one of the engine's it was made from: containerd gives it another id."""


def node_has_image(engine: Engine, node: str, reference: str, image_id: str) -> bool:
    """Return whether a node has the engine's image `image_id` under this name, as `load_images` noted it."""
    chosen = f'name=={_full_name(reference)},labels."{_LABEL}"=={image_id}'
    return bool(engine.run_in(node, [*_CTR, "ls", "--quiet", chosen]).strip())


def load_images(engine: Engine, node: str, images: Mapping[str, str], deadline: Deadline) -> None:
    """Stream images of the engine into a node; `images` maps names to ids, which are noted there.

    A layer that several of them have is sent once. Raises ClusterError when the node cannot take them,
    EngineError, TimeoutExpired.
    """
    taking = [*_CTR, "import", "--snapshotter", _snapshotter(engine, node), "-"]
    try:
        pipe(
            ["docker", "save", *images],
            ["docker", "exec", "--interactive", node, *taking],
            timeout=deadline.remaining,
        )
    except CommandMissing as error:
        raise EngineError(error.message, "install Docker's command line: kind needs it too") from error
    except CommandFailed as error:
        full = "free space on the engine's disk: docker system df, docker system prune"
        hint = full if "no space left on device" in error.output else None
        raise ClusterError(f"cannot bring {', '.join(images)} into {node}: {error.message}", hint) from error
    for reference, image_id in images.items():
        engine.run_in(node, [*_CTR, "label", _full_name(reference), f"{_LABEL}={image_id}"])


def _snapshotter(engine: Engine, node: str) -> str:
    """Return where a node's containerd unpacks images to for its pods: what is elsewhere is unpacked again."""
    plugins = tomllib.loads(engine.run_in(node, ["containerd", "config", "dump"])).get("plugins", {})
    # The names of containerd 2's plugin and of 1's.
    newer, older = plugins.get("io.containerd.cri.v1.images", {}), plugins.get("io.containerd.grpc.v1.cri", {})
    return str(newer.get("snapshotter") or older.get("containerd", {}).get("snapshotter") or "overlayfs")


def _full_name(reference: str) -> str:
    """Return the name by which containerd knows an image: with its registry, and `latest` written out."""
    parsed = Reference.parse(reference, default_registry="docker.io")
    return str(parsed) if parsed.target else f"{parsed}:latest"
