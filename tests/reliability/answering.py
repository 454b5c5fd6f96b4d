"""A server that answers out of a world: one thread, as many connections as are opened, bytes as they were made."""

from __future__ import annotations

import re
import selectors
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.reliability.mutations import Broken, whole
from tests.reliability.world import Answered, Asked, World, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = "{home}"
"""Stands in a world for the server's own URL, which is another one each time."""

# Each upload has an address of its own; in a world all have the same.
_UPLOAD = re.compile(r"uploads/[0-9a-f-]{36}\?_state=[^&]*")
_NOTHING = Answered(404, (), b'{"errors":[{"code":"NAME_UNKNOWN","message":"not known"}]}')


@dataclass(slots=True)
class Answering:
    """The server: `world` is what is true, `broken` what it answers; with `upstream` it asks what it lacks there.

    `asked` is what was asked since it was last cleared, `wrong` the number of answers that no registry gave.
    """

    host: str
    world: World = field(default_factory=dict)
    broken: Broken | None = None
    upstream: str | None = None
    asked: list[Asked] = field(default_factory=list)
    wrong: int = 0

    def answer(self, asked: Asked, headers: dict[str, str], body: bytes) -> tuple[bytes, bool]:
        """Return the bytes of an answer, and whether the connection goes on after them."""
        known = Asked(asked.method, _UPLOAD.sub("uploads/ID", asked.target))
        self.asked.append(known)
        if self.upstream and (known not in self.world or asked.method not in {"GET", "HEAD"}):
            home = f"http://{self.host}"
            self.world[known] = ask(self.upstream, asked, headers, body).about(home, HOME)
        asked = known
        if self.broken and asked.target.startswith("/token"):
            self.wrong += 1
            return whole(self.broken.token).replace(HOME.encode(), f"http://{self.host}".encode()), False
        now = self.broken.world if self.broken else self.world
        raw = self.broken.raw.get(asked) if self.broken else None
        changed = raw is not None or now.get(asked) != self.world.get(asked)
        self.wrong += changed
        if raw is None:
            raw = whole(now.get(asked, _NOTHING), is_head=asked.method == "HEAD")
        stays = not changed or (self.broken is not None and asked in self.broken.stays_open)
        return raw.replace(HOME.encode(), f"http://{self.host}".encode()), stays


@contextmanager
def answering() -> Iterator[Answering]:
    """Run the server until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, selectors.DefaultSelector() as selector:
        server = Answering(f"127.0.0.1:{listener.getsockname()[1]}")
        stopping, stop = socket.socketpair()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(stopping, selectors.EVENT_READ)
        thread = threading.Thread(target=_serve, args=(server, selector, listener, stopping), name="answering")
        thread.start()
        try:
            yield server
        finally:
            stop.close()
            thread.join()
            stopping.close()


def _serve(
    server: Answering, selector: selectors.BaseSelector, listener: socket.socket, stopping: socket.socket
) -> None:
    while True:
        for key, _ in selector.select():
            if key.fileobj is stopping:
                for each in [*selector.get_map().values()]:
                    if each.data is not None:
                        each.data.close()
                return
            if key.fileobj is listener:
                sock, _ = listener.accept()
                sock.settimeout(10)
                selector.register(sock, selectors.EVENT_READ, _Connection(sock))
            elif not key.data.read(server):
                selector.unregister(key.data.sock)
                key.data.close()


@dataclass(slots=True, eq=False)
class _Connection:
    sock: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def read(self, server: Answering) -> bool:
        """Take what has come and answer each request that is whole; return whether to go on."""
        try:
            piece = self.sock.recv(1 << 20)
            self.received += piece
            while request := self._next_request():
                content, stays = server.answer(*request)
                self.sock.sendall(content)
                if not stays:
                    # In order: what is sent is still to be read.
                    self.sock.shutdown(socket.SHUT_WR)
                    return False
        except OSError:
            return False
        return bool(piece)

    def close(self) -> None:
        with suppress(OSError):
            self.sock.close()

    def _next_request(self) -> tuple[Asked, dict[str, str], bytes] | None:
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self.received[:end].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = dict(line.split(": ", 1) for line in lines)
        size = int(next((value for name, value in headers.items() if name.lower() == "content-length"), 0))
        start = end + 4
        if len(self.received) < start + size:
            return None
        body = bytes(self.received[start : start + size])
        del self.received[: start + size]
        return Asked(method, target), headers, body
