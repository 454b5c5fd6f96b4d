"""`Call`: one request to a registry; `Asked`: that it was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The specification bids registries take manifests of up to 4 MiB, and no answer but a blob is larger.
ANSWER_LIMIT = 4 * 1024 * 1024

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `url` may be relative to the registry, `scope` is what its token has to allow.

    `subject` names in an error what it was about. `streamed` leaves the body of a good answer unread.
    `body` is bytes, or an iterable that starts anew each time. A `nameless` one brings no token, nor gets one.
    A `parting` one is sent even when the time for everything is over.
    """

    method: str
    url: str
    scope: str
    subject: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] | None = None
    streamed: bool = False
    limit: int = ANSWER_LIMIT
    repeatable: bool | None = None
    nameless: bool = False
    parting: bool = False

    @property
    def may_repeat(self) -> bool:
        """Whether it does no harm to send it twice."""
        return self.method in _REPEATABLE if self.repeatable is None else self.repeatable


@dataclass(frozen=True, slots=True)
class Asked:
    """That a request was sent: what came back, and after how many seconds; status 0 where nothing did."""

    method: str
    url: str
    status: int
    seconds: float
