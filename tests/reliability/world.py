"""What a real registry answered, kept so that it can be answered again, whole or broken.

A world is small: every request that the operations make, with the answer. Content that is changed gets its own
digest everywhere (`resealed`), or whatever reads it would stop at the digest and its reader be never tried.
"""

from __future__ import annotations

import hashlib
import http.client
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Headers = tuple[tuple[str, str], ...]

_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_DROPPED = frozenset({"date", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as its answer depends on it."""

    method: str
    target: str

    def about(self, old: str, new: str) -> Asked:
        return replace(self, target=self.target.replace(old, new))


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its status, its headers without those that frame it, and its body."""

    status: int
    headers: Headers
    body: bytes

    @property
    def digest(self) -> str:
        """What its header says that its body is, or ""."""
        return next((value for name, value in self.headers if name.lower() == "docker-content-digest"), "")

    def about(self, old: str, new: str) -> Answered:
        headers = tuple((name, value.replace(old, new)) for name, value in self.headers)
        return Answered(self.status, headers, self.body.replace(old.encode(), new.encode()))


World = dict[Asked, Answered]


def ask(host: str, asked: Asked, headers: Mapping[str, str], body: bytes) -> Answered:
    """Pass a request on to a real registry."""
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request(asked.method, asked.target, body or None, dict(headers))
        answer = connection.getresponse()
        kept = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in _DROPPED)
        # The length in the answer to a HEAD is not that of its body.
        length = answer.getheader("content-length")
        if asked.method == "HEAD" and length:
            kept += (("Content-Length", length),)
        return Answered(answer.status, kept, answer.read())
    finally:
        connection.close()


def resealed(world: World, asked: Asked, body: bytes) -> World:
    """Return a world in which one answer has another body, and every digest is right again."""
    was = world[asked]
    world = {**world, asked: replace(was, body=body)}
    pending = [(was.digest, body)] if _is_sealed(asked, was) else []
    while pending:
        old, content = pending.pop()
        new = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if new == old:
            continue
        # What was the same, by its tag and by its digest, stays the same.
        world = {
            key: replace(answer, body=content) if _is_sealed(key, answer) and answer.digest == old else answer
            for key, answer in world.items()
        }
        world = {key.about(old, new): answer.about(old, new) for key, answer in world.items()}
        pending += [(answer.digest, answer.body) for key, answer in world.items() if _is_stale(key, answer)]
    return world


def _is_sealed(asked: Asked, answer: Answered) -> bool:
    return asked.method == "GET" and answer.status == HTTPStatus.OK and bool(_DIGEST.fullmatch(answer.digest))


def _is_stale(asked: Asked, answer: Answered) -> bool:
    return _is_sealed(asked, answer) and answer.digest != f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
