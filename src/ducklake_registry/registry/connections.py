"""Kept-alive connections and the answers that come over them, carried by the standard `http.client`.

It was chosen by measuring (`benchmarks/transports.py`): of all that is at hand it takes the least processor time,
for a thousand small answers a quarter of what httpx's own transport takes, and reads a blob into one buffer.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakSet

from ducklake_registry.layout import FileSlice

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

Headers = list[tuple[str, str]]

_READ_SIZE = 64 * 1024


class Truncated(http.client.HTTPException):
    """The connection ended before the answer did."""


class TooLarge(Exception):
    """The answer is larger than its reader is ready to keep."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what a connection is to."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request on its way out; `target` is the path with the query, `body` gives bytes piece by piece."""

    method: str
    target: str
    headers: Headers
    body: Iterable[bytes | FileSlice] = ()


class Exchange:
    """An answer whose body is still to be read; when it was read to its end, the connection is free again."""

    def __init__(self, response: http.client.HTTPResponse, release: Callable[[bool], None]) -> None:
        self.status = response.status
        self.headers: Headers = response.headers.items()
        self._response = response
        self._release: Callable[[bool], None] | None = release
        if response.length == 0 or response.isclosed():
            self._finish(reusable=not response.will_close)

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer from the body; 0 at its end. Raises Truncated, OSError."""
        count = self._response.readinto(buffer)
        if count == 0:
            self._end()
        return count

    def read(self, limit: int, deadline: float) -> bytes:
        """Read the whole body.

        Raises TooLarge past `limit` bytes, TimeoutError past `deadline` (of time.monotonic), Truncated and
        OSError. A declared length above the limit is not even read.
        """
        if self._release is None:
            return b""
        if (self._response.length or 0) > limit:
            raise TooLarge
        pieces: list[bytes] = []
        size = 0
        # One receive at a time: a body that trickles must not carry us past the deadline.
        while piece := self._response.read1(_READ_SIZE):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise TooLarge
            if time.monotonic() > deadline:
                raise TimeoutError("the answer came too slowly")
        self._end()
        return b"".join(pieces)

    def close(self) -> None:
        """Give up on the rest of the body, and on the connection if there is a rest."""
        self._finish(reusable=False)

    def _end(self) -> None:
        if self._response.length:
            missing = self._response.length
            self._finish(reusable=False)
            raise Truncated(f"the answer ended {missing} bytes early")
        self._finish(reusable=not self._response.will_close)

    def _finish(self, *, reusable: bool) -> None:
        if self._release:
            release, self._release = self._release, None
            # Its end does not close it where it was read piece by piece, and the connection waits for that.
            self._response.close()
            release(reusable)


class Connections:
    """A pool of connections for any number of threads; each carries one exchange at a time."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._idle: defaultdict[Origin, list[http.client.HTTPConnection]] = defaultdict(list)
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def send(self, origin: Origin, outgoing: Outgoing, timeout: float) -> Exchange:
        """Send a request and wait for the head of its answer.

        `timeout` is in seconds, for connecting, and for every silence after that. Raises OSError and
        http.client.HTTPException.
        """
        connection = self._take(origin, timeout)
        try:
            if connection.sock is None:
                self._open(connection)
            response = _talk(connection, outgoing)
        except BaseException:
            connection.close()
            raise
        return Exchange(response, lambda reusable: self._give_back(origin, connection, reusable))

    def socket(self, origin: Origin, timeout: float) -> socket.socket:
        """Connect, for somebody who speaks HTTP on his own and closes it himself; raises OSError."""
        connection = self._connect(origin, timeout)
        self._open(connection)
        return connection.sock

    def cut(self) -> None:
        """End all that is under way now, from whatever thread: who waits for it gets an error."""
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                # Not TLS's own, which would take the state away from whoever is just using it.
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        with self._lock:
            self._closed = True
            idle = [connection for connections in self._idle.values() for connection in connections]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take(self, origin: Origin, timeout: float) -> http.client.HTTPConnection:
        while True:
            with self._lock:
                idle = self._idle[origin]
                connection = idle.pop() if idle else None
            if connection is None:
                return self._connect(origin, timeout)
            # A server that has closed its end makes the socket readable: nothing was asked yet.
            if connection.sock and not _is_readable(connection.sock):
                connection.sock.settimeout(timeout)
                return connection
            connection.close()

    def _connect(self, origin: Origin, timeout: float) -> http.client.HTTPConnection:
        if origin.scheme == "https":
            return http.client.HTTPSConnection(
                origin.host, origin.port, timeout=timeout, context=self._tls_context()
            )
        return http.client.HTTPConnection(origin.host, origin.port, timeout=timeout)

    def _open(self, connection: http.client.HTTPConnection) -> None:
        connection.connect()
        with self._lock:
            self._sockets.add(connection.sock)

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = self._tls()
            return self._context

    def _give_back(self, origin: Origin, connection: http.client.HTTPConnection, reusable: bool) -> None:
        with self._lock:
            if reusable and not self._closed:
                self._idle[origin].append(connection)
                return
        connection.close()


def _talk(connection: http.client.HTTPConnection, outgoing: Outgoing) -> http.client.HTTPResponse:
    connection.putrequest(outgoing.method, outgoing.target, skip_host=True, skip_accept_encoding=True)
    for name, value in outgoing.headers:
        connection.putheader(name, value)
    connection.endheaders()
    try:
        for piece in outgoing.body:
            _send(connection, piece)
    except (BrokenPipeError, ConnectionResetError):
        # The server may have refused before it had read everything; its reason is then still to be read.
        try:
            return connection.getresponse()
        except (OSError, http.client.HTTPException):
            pass
        raise
    return connection.getresponse()


def _send(connection: http.client.HTTPConnection, piece: bytes | FileSlice) -> None:
    """Send bytes; those of a file by the kernel alone, where nobody has to encrypt them."""
    if not isinstance(piece, FileSlice):
        if piece:
            connection.send(piece)
    elif isinstance(connection, http.client.HTTPSConnection):
        for part in piece.pieces():
            connection.send(part)
    else:
        sent = connection.sock.sendfile(piece.file, piece.offset, piece.size)
        if sent != piece.size:
            raise ConnectionAbortedError(f"the file ended {piece.size - sent} bytes early")


def _is_readable(sock: object) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)  # type: ignore[arg-type]
    return bool(poll.poll(0))
