"""Which image the nodes of a new kind cluster are made from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster import kind
from ducklake_registry.errors import EngineError

if TYPE_CHECKING:
    from ducklake_registry.engine import Engine
    from ducklake_registry.step import Report
    from ducklake_registry.waiting import Deadline

REPOSITORY = "kindest/node"


@dataclass(frozen=True, slots=True)
class NodeImage:
    """An image for nodes and, for the user, why it is this one; None leaves the choice to kind."""

    reference: str | None
    reason: str

    def __str__(self) -> str:
        """Return what to tell the user: "kindest/node:v1.34.4, as asked for"."""
        return ", ".join(part for part in ((self.reference or "").partition("@")[0], self.reason) if part)


def choose_node_image(asked: str | None, engine: Engine, deadline: Deadline, report: Report) -> NodeImage:
    """Return the image that was asked for, else kind's own default, else one that the engine has.

    Raises EngineError, with what can be done, when there is none.
    """
    if asked is not None:
        return NodeImage(asked, "as asked for")
    default = kind.default_node_image()
    if default is None:
        return NodeImage(None, "the default of this kind")
    name = default.partition("@")[0]
    if engine.image_id(default):
        return NodeImage(default, "kind's default")
    refusal = _pull(default, engine, deadline, report)
    if refusal is None:
        return NodeImage(default, "kind's default, pulled")
    if local := newest(engine.tags_of(REPOSITORY)):
        return NodeImage(local, f"which the engine has ({name}, kind's default, cannot be pulled)")
    raise EngineError(
        f"there is no image for the nodes: {refusal.message}",
        hint="on Debian or Ubuntu `bootstrap/up` makes one; else load one and name it with --node-image",
    ) from refusal


def newest(tags: list[str]) -> str | None:
    """Return the reference with the highest version in its tag ("kindest/node:v1.34.4")."""
    return max(tags, key=lambda tag: [int(number) for number in re.findall(r"\d+", tag)], default=None)


def _pull(reference: str, engine: Engine, deadline: Deadline, report: Report) -> EngineError | None:
    report(f"pulling {reference.partition('@')[0]}")
    try:
        engine.pull(reference, deadline, report)
    except EngineError as error:
        return error
    return None
