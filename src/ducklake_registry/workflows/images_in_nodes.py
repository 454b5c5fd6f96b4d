"""Images of the engine in the nodes of a kind cluster, which then need not pull them from anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.engine import load_images, node_has_image
from ducklake_registry.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ducklake_registry.engine import Engine
    from ducklake_registry.step import Report
    from ducklake_registry.waiting import Deadline


@dataclass(frozen=True, slots=True)
class ImagesInNodes:
    """The nodes of the kind cluster `cluster` and the engine's images, all waiting done by `deadline`."""

    cluster: str
    engine: Engine
    deadline: Deadline

    def ensure(self, images: Sequence[str], report: Report) -> str:
        """Bring those of the images that the engine has into the nodes that lack them."""
        ids = {image: self.engine.image_id(image) for image in images}
        nodes = [node.name for node in self.engine.nodes(self.cluster)]
        loaded = [node for node in nodes if self._load(node, ids, report)]
        outcomes = [f"loaded into {len(loaded)} of {len(nodes)}"] if loaded else []
        if absent := ", ".join(image for image, image_id in ids.items() if image_id is None):
            outcomes.append(f"the nodes will pull {absent}")
        return "; ".join(outcomes) or "unchanged"

    def _load(self, node: str, ids: Mapping[str, str | None], report: Report) -> bool:
        """Bring images into a node; return whether it lacked one."""
        lacking = {
            name: each for name, each in ids.items() if each and not node_has_image(self.engine, node, name, each)
        }
        if lacking:
            report(f"{', '.join(lacking)} into {node}")
            load_images(self.engine, node, lacking, self.deadline)
        return bool(lacking)


def loadable(images: Sequence[str], here: Collection[str]) -> list[str]:
    """Return those images that the engine may give to the nodes instead of a registry.

    Not those of the registry that is `here`, by any of its names: nodes pull these as they do in production. Not
    those with a digest either: what the engine gives has no digest that is known to the node.
    """
    names = {image: Reference.parse(image, default_registry="docker.io") for image in images}
    return [image for image, name in names.items() if name.registry not in here and not name.digest]
