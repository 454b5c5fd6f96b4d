"""`BlobReader`: a blob as it comes, verified to its last byte, going on where a connection broke.

Source: "Pulling blobs" of the OCI distribution specification 1.1; RFC 9110, section 14, for ranges.
"""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from ducklake_registry.errors import DigestMismatch, InvalidAnswer
from ducklake_registry.layout import PIECE
from ducklake_registry.registry.failures import CONNECTION_FAILURES, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ducklake_registry.reference import Digest, Hash
    from ducklake_registry.registry._http import Session
    from ducklake_registry.registry.answers import Answer
    from ducklake_registry.registry.call import Call
    from ducklake_registry.registry.connections import Exchange

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]+/(?:[0-9]+|\*)")


class BlobReader:
    """Reads one blob; a context manager and an iterator over its pieces.

    Nothing that it gives is to be believed before it has ended: the end raises DigestMismatch where all
    bytes, those before `offset` included, are not what the digest names. `hasher` has taken in those before
    `offset`. `size` is in bytes, None as long as nobody has told.
    """

    def __init__(
        self,
        session: Session,
        call: Call,
        digest: Digest,
        size: int | None = None,
        *,
        offset: int = 0,
        hasher: Hash | None = None,
    ) -> None:
        self.digest = digest
        self.size = size
        self.offset = offset
        self._session = session
        self._call = call
        self._hash = hasher or digest.hasher()
        self._exchange: Exchange | None = None
        self._source = session.endpoint.url
        self._breaks = 0
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading; the connection is kept only if the blob has ended."""
        if self._exchange:
            self._exchange.close()

    def __iter__(self) -> Iterator[memoryview]:
        """Give piece after piece; each is overwritten by the next."""
        buffer = memoryview(bytearray(PIECE))
        while count := self.readinto(buffer):
            yield buffer[:count]

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer with what comes next and return how much; 0 at the verified end.

        Raises NotFound, DigestMismatch, InvalidAnswer, RegistryUnreachable, TimeoutExpired.
        """
        while not self._ended:
            self._session.check_time(self._progress)
            try:
                count = self._fill(buffer)
            except CONNECTION_FAILURES as error:
                self._pause(error)
                continue
            if count:
                self._take(buffer[:count])
                return count
            self._end()
        return 0

    @property
    def _progress(self) -> str:
        of = "" if self.size is None else f" of {self.size:,}"
        return f"{self.offset:,}{of} bytes of {self._call.subject}"

    def _fill(self, buffer: memoryview) -> int:
        if self._exchange is None:
            # A file that was left behind may have been whole already; there is no range after its end.
            if self.offset and self.offset == self.size:
                return 0
            return self._open().readinto(buffer)
        return self._exchange.readinto(buffer)

    def _take(self, piece: memoryview) -> None:
        self._hash.update(piece)
        self.offset += len(piece)
        self._breaks = 0
        if self.size is not None and self.offset > self.size:
            self.close()
            raise DigestMismatch(f"{self._call.subject} is larger than the {self.size:,} bytes it should be")

    def _end(self) -> None:
        self._ended = True
        actual = f"{self.digest.algorithm}:{self._hash.hexdigest()}"
        if actual != self.digest:
            raise DigestMismatch(
                f"{self._call.subject} should be {self.digest}, but what came is {actual}", "try again"
            )

    def _pause(self, error: BaseException) -> None:
        """Wait before the rest is asked for, or give up when nothing came for too many times."""
        self.close()
        self._exchange = None
        self._breaks += 1
        if self._breaks >= self._session.retry.attempts:
            raise unreachable(error, self._session.endpoint, self._source, self._breaks) from error
        self._session.sleep(self._session.retry.pause(self._breaks))

    def _open(self) -> Exchange:
        """Ask for the blob, or for its rest; a registry that knows no ranges sends everything again."""
        call = self._call
        if self.offset:
            call = replace(call, headers={**call.headers, "Range": f"bytes={self.offset}-"})
        answer = self._session.send(replace(call, streamed=True), HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        if answer.exchange is None:
            raise DigestMismatch(f"{call.subject} is smaller than the {self.offset:,} bytes that are here")
        # From here on it is closed with us, whatever the checks find.
        self._exchange, self._source = answer.exchange, answer.url
        starts_at = self._start(answer)
        self._check_size(answer, starts_at)
        _skip(self._exchange, self.offset - starts_at)
        return self._exchange

    def _start(self, answer: Answer) -> int:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            return 0
        match = _CONTENT_RANGE.match(answer.header("content-range"))
        if match is None or int(match[1]) != self.offset:
            raise InvalidAnswer(f"{self._call.subject}: the registry sent another range than was asked for")
        return self.offset

    def _check_size(self, answer: Answer, starts_at: int) -> None:
        length = answer.number("content-length")
        if length is None:
            return
        size = starts_at + length
        if self.size is not None and size != self.size:
            raise DigestMismatch(
                f"{self._call.subject} should be {self.size:,} bytes large, but the registry has {size:,}"
            )
        self.size = size


def _skip(exchange: Exchange, count: int) -> None:
    """Read past bytes that are here already."""
    buffer = memoryview(bytearray(min(count, PIECE)))
    while count:
        count -= exchange.readinto(buffer[: min(count, PIECE)]) or count
