"""A TCP proxy before a registry, which does something once so many bytes have gone through."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE = 64 * 1024


class Way(Enum):
    """Where bytes go: up to the registry, or down from it."""

    UP = "sent"
    DOWN = "received"


@dataclass(slots=True)
class Fault:
    """What happens at a byte: `act` is called, then the connection ends.

    `at` counts the bytes of all connections in the given ways. `reset` ends it by a reset, else in order. With
    `lasting` every connection ends from then on, before a byte has gone through.
    """

    at: int
    ways: frozenset[Way]
    reset: bool = True
    lasting: bool = False
    act: Callable[[], None] = lambda: None
    happened: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Proxy:
    """The proxy; `passed` counts the bytes of each way since `begin`."""

    port: int
    passed: dict[Way, int] = field(default_factory=lambda: dict.fromkeys(Way, 0))
    fault: Fault | None = None

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def begin(self, fault: Fault | None = None) -> None:
        """Count anew, and have a fault happen or none."""
        self.passed = dict.fromkeys(Way, 0)
        self.fault = fault

    def allowance(self, way: Way) -> int | None:
        """Return how many bytes may still go this way until something happens; None for any number."""
        fault = self.fault
        if fault is None or (fault.happened.is_set() and not fault.lasting):
            return None
        if fault.happened.is_set():
            return 0
        return fault.at - sum(self.passed[each] for each in fault.ways) if way in fault.ways else None


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """Run a proxy to a port of this machine until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        proxy = Proxy(listener.getsockname()[1])
        stopping, stop = socket.socketpair()
        thread = threading.Thread(target=_Relay(proxy, port, listener, stopping).run, name="proxy")
        thread.start()
        try:
            yield proxy
        finally:
            stop.close()
            thread.join()
            stopping.close()


@dataclass(slots=True, eq=False)
class _End:
    """One end of a connection through the proxy; what comes from it goes to `other`."""

    sock: socket.socket
    way: Way
    other: _End | None = None
    ended: bool = False


class _Relay:
    def __init__(self, proxy: Proxy, port: int, listener: socket.socket, stopping: socket.socket) -> None:
        self._proxy = proxy
        self._port = port
        self._listener = listener
        self._stopping = stopping
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Relay until the other end of `stopping` is closed."""
        for each in (self._listener, self._stopping):
            self._selector.register(each, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stopping:
                    self._stop()
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif key.data.sock.fileno() >= 0:  # it may have gone with its other end just now
                    self._relay(key.data)

    def _stop(self) -> None:
        for key in [*self._selector.get_map().values()]:
            if isinstance(key.data, _End):
                key.data.sock.close()
        self._selector.close()

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        try:
            upstream = socket.create_connection(("127.0.0.1", self._port), 5)
        except OSError:  # nobody is there
            _reset(sock)
            return
        near, far = _End(sock, Way.UP), _End(upstream, Way.DOWN)
        near.other, far.other = far, near
        for end in (near, far):
            end.sock.settimeout(10)
            self._selector.register(end.sock, selectors.EVENT_READ, end)
        if self._proxy.allowance(Way.UP) == 0:
            self._break(near)

    def _relay(self, end: _End) -> None:
        assert end.other
        try:
            piece = end.sock.recv(_PIECE)
            left = self._proxy.allowance(end.way)
            passing = piece if left is None else piece[:left]
            end.other.sock.sendall(passing)
        except OSError:
            self._close(end, reset=True)
            return
        self._proxy.passed[end.way] += len(passing)
        if left is not None and len(piece) >= left:
            self._break(end)
        elif not piece:
            self._half_close(end)

    def _break(self, end: _End) -> None:
        fault = self._proxy.fault
        assert fault
        if not fault.happened.is_set():
            fault.act()
            fault.happened.set()
        self._close(end, reset=fault.reset)

    def _half_close(self, end: _End) -> None:
        """Pass on that one side has no more to say."""
        assert end.other
        end.ended = True
        if end.other.ended:
            self._close(end, reset=False)
            return
        self._selector.unregister(end.sock)
        with suppress(OSError):
            end.other.sock.shutdown(socket.SHUT_WR)

    def _close(self, end: _End, *, reset: bool) -> None:
        assert end.other
        for each in (end, end.other):
            with suppress(KeyError, ValueError):
                self._selector.unregister(each.sock)
            if reset:
                _reset(each.sock)
            else:
                each.sock.close()


def _reset(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
