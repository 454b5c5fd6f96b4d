"""A proxy before a real registry that breaks what it is told to, and nothing else."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.registry.faults import Behaviour, Request

    Fault = Callable[[Request, Callable[[], "Reply"]], "Reply"]

_HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes
    length: int | None = None

    def but(self, body: bytes | None = None, status: int | None = None, **headers: str | None) -> Reply:
        """The same with some things changed; a header's underscores are dashes, None takes it away."""
        changed = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in changed.items() if value is not None}
        return Reply(status or self.status, kept, self.body if body is None else body, self.length)

    def with_json(self, change: Callable[[Any], Any]) -> Reply:
        return self.but(json.dumps(change(json.loads(self.body))).encode()) if self.status == 200 else self


def behind(host: str, *faults: Fault) -> Behaviour:
    """Behave like the registry at `host`, but for the faults; the first is the outermost."""

    def behave(request: Request) -> None:
        def answer(left: tuple[Fault, ...]) -> Reply:
            return left[0](request, lambda: answer(left[1:])) if left else _forward(host, request)

        reply = answer(faults)
        length = len(reply.body) if reply.length is None else reply.length
        names = {name.title().replace("-", "_"): value for name, value in reply.headers.items()}
        request.head(reply.status, **names, Content_Length=str(length))
        if request.method != "HEAD":
            request.send(reply.body)

    return behave


def on(method: str, path: str, change: Callable[[Reply], Reply]) -> Fault:
    """Change the registry's answers to some requests."""

    def fault(request: Request, go_on: Callable[[], Reply]) -> Reply:
        reply = go_on()
        return change(reply) if _matches(request, method, path) else reply

    return fault


def instead(method: str, path: str, reply: Reply) -> Fault:
    """Answer some requests without asking the registry at all."""

    def fault(request: Request, go_on: Callable[[], Reply]) -> Reply:
        return reply if _matches(request, method, path) else go_on()

    return fault


def remembering(method: str, path: str) -> Fault:
    """Give the first good answer for each path again and again, like a cache that never looks back."""
    known: dict[str, Reply] = {}

    def fault(request: Request, go_on: Callable[[], Reply]) -> Reply:
        if not _matches(request, method, path):
            return go_on()
        if request.path not in known and (reply := go_on()).status != 200:
            return reply
        return known.setdefault(request.path, known.get(request.path) or reply)

    return fault


def status(number: int, body: bytes = b"", **headers: str) -> Reply:
    return Reply(number, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def _matches(request: Request, method: str, path: str) -> bool:
    return bool(re.fullmatch(method, request.method) and re.search(path, request.path))


def _forward(host: str, request: Request) -> Reply:
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.request(request.method, request.path, request.body or None, _to_send(request))
        answer = connection.getresponse()
        body = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
        reply = Reply(answer.status, headers, body)
        return (
            replace(reply, length=int(answer.headers["Content-Length"] or 0))
            if request.method == "HEAD"
            else reply
        )
    finally:
        connection.close()


def _to_send(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP} | {
        "Content-Length": str(len(request.body))
    }
