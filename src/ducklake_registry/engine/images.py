"""The engine's images: their names, and their way to and from a registry."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from ducklake_registry.engine.failures import registry_failure
from ducklake_registry.engine.layers import Layers
from ducklake_registry.engine.refusals import NotThere, translated
from ducklake_registry.errors import EngineError
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ducklake_registry.engine.client import Engine
    from ducklake_registry.reference import Reference
    from ducklake_registry.step import Report

_PUSHED = re.compile(r"\S+: digest: (?P<digest>\S+) size: \d+")

Login = dict[str, str]
"""Who asks the registry, in the engine's words; empty for nobody."""


def push(engine: Engine, reference: Reference, login: Login, report: Report) -> Digest:
    """Push the image that the engine has under a name, and return the digest that the engine computed.

    Raises Unauthorized, Denied, ConnectionBroken where it may be tried again, and EngineError.
    """
    with translated():
        events = engine.api.push(
            f"{reference.registry}/{reference.repository}",
            tag=reference.tag,
            auth_config=login,
            stream=True,
            decode=True,
        )
        digest = _followed(events, f"cannot push {reference}", reference.registry, report)
    if digest is None:
        raise EngineError(f"the engine did not say under which digest it has pushed {reference}")
    return digest


def pull(engine: Engine, reference: Reference, login: Login, report: Report) -> str:
    """Pull an image by its digest, which the engine verifies, and return its id; it gets no tag.

    Raises Unauthorized, Denied, NotFound, ConnectionBroken where it may be tried again, and EngineError.
    """
    name = f"{reference.registry}/{reference.repository}"
    with translated():
        events = engine.api.pull(name, tag=reference.digest, auth_config=login, stream=True, decode=True)
        _followed(events, f"cannot pull {reference}", reference.registry, report)
    return str(engine.inspect(f"{name}@{reference.digest}")["Id"])


def digests(engine: Engine, image: str, name: str) -> list[Digest]:
    """Return the digests under which a registry's repository has, or had, an image of the engine."""
    known = engine.inspect(image).get("RepoDigests") or []
    pairs = (each.rpartition("@") for each in known)
    return [Digest(digest) for repository, _, digest in pairs if repository == name]


def platform_of(engine: Engine, image: str) -> str:
    """Return what an image of the engine runs on, like "linux/amd64"."""
    found = engine.inspect(image)
    return "/".join(filter(None, (found["Os"], found["Architecture"], found.get("Variant", ""))))


@contextlib.contextmanager
def named(engine: Engine, image_id: str, names: Sequence[str]) -> Iterator[None]:
    """Give an image further names; if the block fails, each name is what it was before."""
    with names_kept(engine, names) as before:
        for name in names:
            if before.get(name) != image_id:
                _tag(engine, image_id, name)
        yield


@contextlib.contextmanager
def names_kept(engine: Engine, names: Sequence[str]) -> Iterator[Mapping[str, str | None]]:
    """See that if the block fails, each name is what it was before, whoever changed it in the block.

    The block gets the ids of the images that have the names now.
    """
    before: dict[str, str | None] = {}
    with contextlib.suppress(EngineError):  # without an engine there is no name to keep
        for name in names:
            before[name] = engine.image_id(name)
    try:
        yield before
    except BaseException:
        for name, former in before.items():
            _restore(engine, name, former)
        raise


def _restore(engine: Engine, name: str, former: str | None) -> None:
    """Give a name back; that it cannot be given back must not hide why it has to be."""
    with contextlib.suppress(EngineError):
        if former:
            _tag(engine, former, name)
        else:
            _untag(engine, name)


def _tag(engine: Engine, image_id: str, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    with translated():
        engine.api.tag(image_id, repository, tag)


def _untag(engine: Engine, name: str) -> None:
    with contextlib.suppress(NotThere), translated():
        engine.api.remove_image(name, noprune=True)


def _pushed_digest(event: Mapping[str, Any]) -> str | None:
    """Return the digest that an event of a push tells: Docker by a field of its own, Podman in words alone."""
    told = _PUSHED.fullmatch(str(event.get("status", "")))
    return event.get("aux", {}).get("Digest") or (told and told["digest"])


def _followed(events: Iterator[dict[str, Any]], what: str, registry: str, report: Report) -> Digest | None:
    """Read the stream to its end, so that the connection is free again; raise what it told of failure."""
    layers, error, digest = Layers(), "", None
    for event in events:
        error = error or str(event.get("error", ""))
        digest = _pushed_digest(event) or digest
        layers.take(event)
        report(str(layers))
    if error:
        raise registry_failure(what, registry, error)
    return Digest(digest) if digest else None
