"""Many small requests in flight: one thread, and a few connections that each carry one at a time.

Threads spend most of a small request's time waiting for each other, and httpx as much in making it; here it
costs hardly more than its two system calls. What needs care (a challenge, a redirect, a repeat, a broken
connection) is handed to the session, which knows how.
"""

from __future__ import annotations

import selectors
import ssl
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ducklake_registry.errors import RegistryError
from ducklake_registry.registry.answers import Answer
from ducklake_registry.registry.framing import Malformed, may_go_on, read_answer
from ducklake_registry.registry.retry import PASSING_STATUSES

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from ducklake_registry.registry._http import Session
    from ducklake_registry.registry.call import Call

Key = TypeVar("Key")
Outcome = Answer | RegistryError | None

# As many as hide the latency of a registry that is not next door; a near one is busy with fewer.
_CONNECTIONS = 8
_CAREFUL_THREADS = 8
_AHEAD = 8 * _CONNECTIONS
_READ_SIZE = 64 * 1024
_LOOK_SECONDS = 0.005
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_PLAIN = frozenset({HTTPStatus.OK, HTTPStatus.NOT_MODIFIED, HTTPStatus.NOT_FOUND})


def ask_all(
    session: Session, wanted: Iterable[tuple[Key, Call | None]]
) -> Iterator[tuple[Key, Call | None, Outcome]]:
    """Send calls (GET or HEAD) and give their answers, or their errors, in the calls' order.

    Calls are taken only a little ahead of the answers that were taken, so that a list may be as long as it
    likes. A key without a call comes back in its place with None. Status 304 counts as an answer.
    """
    source = iter(wanted)
    waiting: deque[_Asked[Key]] = deque()
    with _Wires(session) as wires:
        exhausted = False
        while not exhausted or waiting:
            while not exhausted and wires.has_room and len(waiting) < _AHEAD:
                if (taken := next(source, None)) is None:
                    exhausted = True
                elif taken[1] is None and not waiting:  # nothing to ask, and nobody to wait for
                    yield *taken, None
                else:
                    waiting.append(asked := _Asked(*taken))
                    wires.send(asked)
            if waiting and not waiting[0].settled():
                wires.receive(waiting[0])
            while waiting and waiting[0].settled():
                first = waiting.popleft()
                yield first.key, first.call, first.outcome


@dataclass(slots=True, eq=False)
class _Asked(Generic[Key]):
    """A request on its way; its outcome is here, or will come from the session, or over a wire."""

    key: Key
    call: Call | None
    outcome: Outcome = None
    done: bool = False
    careful: Future[Outcome] | None = None

    def settle(self, outcome: Outcome) -> None:
        self.outcome, self.done = outcome, True

    def settled(self) -> bool:
        if not self.done and self.careful and self.careful.done():
            self.settle(self.careful.result())
        return self.done


@dataclass(slots=True, eq=False)
class _Wire:
    """A connection with the request that it carries, and what has come of the answer."""

    sock: socket.socket
    asked: _Asked[object] | None = None
    call: Call | None = None
    received: bytearray = field(default_factory=bytearray)
    until: float = 0.0


class _Wires:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._selector = selectors.DefaultSelector()
        self._pool = ThreadPoolExecutor(_CAREFUL_THREADS, thread_name_prefix="registry")
        self._idle: list[_Wire] = []
        self._busy: set[_Wire] = set()
        self._scopes: set[str] = set()
        self._doubtful: _Asked[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for wire in [*self._idle, *self._busy]:
            wire.sock.close()
        self._selector.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def has_room(self) -> bool:
        """Whether another request can be sent at once.

        Where no connection came about, or nothing over one in time, the session finds out first whether anybody
        is still there: each try would cost the whole time limit.
        """
        doubt = self._doubtful is not None and not self._doubtful.settled()
        return len(self._busy) < _CONNECTIONS and not doubt

    def send(self, asked: _Asked[Key]) -> None:
        """Send a request over a free wire, or leave it to the session."""
        call = asked.call
        if call is None:
            asked.settle(None)
        elif self._wants_a_token(call):
            self._hand_over(asked)
        else:
            self._put(asked, call)

    def receive(self, awaited: _Asked[Key]) -> None:
        """Wait until something has come that may settle the request that is awaited."""
        if awaited.careful and not self._busy:
            awaited.careful.exception()
            return
        patience = _LOOK_SECONDS if awaited.careful else self._session.timeout
        for key, _ in self._selector.select(patience):
            self._read(key.data)
        now = time.monotonic()
        for wire in [each for each in self._busy if each.until < now]:
            self._doubtful = wire.asked
            self._give_up(wire)

    def _put(self, asked: _Asked[Key], call: Call) -> None:
        self._session.check_time(f"{call.subject} had not been begun")
        request = self._session.written(call)
        try:
            wire = self._idle.pop() if self._idle else self._open()
            wire.asked, wire.call, wire.until = asked, call, time.monotonic() + self._session.timeout  # type: ignore[assignment]
            self._busy.add(wire)
        except OSError:
            self._doubtful = asked
            self._hand_over(asked)
            return
        try:
            complete = wire.sock.send(request) == len(request)
        except OSError:
            complete = False
        if not complete:
            self._give_up(wire)

    def _open(self) -> _Wire:
        sock = self._session.connected_socket()
        sock.setblocking(False)
        wire = _Wire(sock)
        self._selector.register(sock, selectors.EVENT_READ, wire)
        return wire

    def _read(self, wire: _Wire) -> None:
        try:
            piece = wire.sock.recv(_READ_SIZE)
            while isinstance(wire.sock, ssl.SSLSocket) and wire.sock.pending():
                piece += wire.sock.recv(_READ_SIZE)
        except _NOT_YET:
            return
        except OSError:
            piece = b""
        wire.received += piece
        if piece and wire.call and len(wire.received) <= wire.call.limit:
            self._look(wire, wire.call)
        else:
            self._give_up(wire)

    def _look(self, wire: _Wire, call: Call) -> None:
        try:
            answer = read_answer(wire.received, call.method, call.url)
        except Malformed:
            self._give_up(wire)
            return
        if answer is None or wire.asked is None:
            return
        if answer.status not in _PLAIN:
            self._hand_over(wire.asked, answer if answer.status in PASSING_STATUSES else None)
        elif answer.status == HTTPStatus.NOT_FOUND:
            wire.asked.settle(self._session.problem(answer, call.subject))
        else:
            wire.asked.settle(answer)
        self._free(wire, reusable=may_go_on(answer))

    def _free(self, wire: _Wire, *, reusable: bool) -> None:
        self._busy.discard(wire)
        wire.asked = wire.call = None
        wire.received.clear()
        if reusable:
            self._idle.append(wire)
        else:
            self._selector.unregister(wire.sock)
            wire.sock.close()

    def _give_up(self, wire: _Wire) -> None:
        """Close a wire; the session asks again what it had been asked."""
        if wire.asked:
            self._hand_over(wire.asked)
        elif wire in self._idle:
            self._idle.remove(wire)
        self._free(wire, reusable=False)

    def _wants_a_token(self, call: Call) -> bool:
        """Tell whether the registry's token server has to be asked first: the session's threads do so."""
        if self._session.authorizer.scheme != "bearer" or call.scope in self._scopes:
            return False
        self._scopes.add(call.scope)
        return True

    def _hand_over(self, asked: _Asked[Key], first: Answer | None = None) -> None:
        """Leave a request to the session, with the answer that it had if that says to wait."""
        asked.careful = self._pool.submit(self._ask_carefully, asked.call, first)

    def _ask_carefully(self, call: Call | None, first: Answer | None) -> Outcome:
        assert call is not None  # noqa: S101 - only a request is ever handed over
        try:
            return self._session.send(call, HTTPStatus.NOT_MODIFIED, first=first)
        except RegistryError as error:
            return error
