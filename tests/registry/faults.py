"""A server that misbehaves as it is told, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.registry.certificates import KeyPair

    Behaviour = Callable[["Request"], None]


@dataclass(slots=True)
class Request:
    """One request; its methods answer it, well or badly."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    _handler: BaseHTTPRequestHandler

    def reply(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        """Answer; a header's underscores are dashes."""
        headers.setdefault("Content_Length", str(len(body)))
        self.head(status, **headers)
        if self.method != "HEAD":
            self.send(body)

    def json(self, document: Any, status: int = 200, **headers: str) -> None:
        self.reply(status, json.dumps(document).encode(), Content_Type="application/json", **headers)

    def error(self, status: int, code: str, message: str = "told to", **headers: str) -> None:
        self.json({"errors": [{"code": code, "message": message}]}, status, **headers)

    def head(self, status: int, **headers: str) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def send(self, content: bytes) -> None:
        self._handler.wfile.write(content)

    def cut(self) -> None:
        """Reset the connection."""
        sock = self._handler.connection
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.close_connection = True
        sock.close()

    def end(self) -> None:
        """Close the connection in order, be the answer complete or not."""
        self._handler.close_connection = True


@dataclass(slots=True)
class Faulty:
    """A server with one behaviour; `requests` are all that it got."""

    host: str
    behaviour: Behaviour = lambda request: request.reply(404)
    requests: list[Request] = field(default_factory=list)

    def one_after_another(self, *behaviours: Behaviour) -> None:
        """Behave differently each time; the last behaviour stays."""
        left = list(behaviours)

        def behave(request: Request) -> None:
            next_one = left.pop(0) if len(left) > 1 else left[0]
            next_one(request)

        self.behaviour = behave


@contextmanager
def faulty_server(tls: KeyPair | None = None) -> Iterator[Faulty]:
    """Run a server until the block ends, over TLS if it gets a certificate."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # Docker sends one Accept for each type that it takes.
            headers = {name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers}
            request = Request(self.command, self.path, headers, body, self)
            faulty.requests.append(request)
            try:
                faulty.behaviour(request)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    for method in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Clients go away while we answer; that is what these tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            # The handshake is for the thread of the connection, when it first reads.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        faulty = Faulty(f"localhost:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield faulty
        finally:
            server.shutdown()
            thread.join()
