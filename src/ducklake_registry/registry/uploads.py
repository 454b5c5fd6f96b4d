"""Put a blob into a repository: found there, mounted from another one, or sent and resumed.

Source: "Pushing blobs" and "Mounting a blob from another repository" of the OCI distribution specification
1.1. Bytes go up in one PATCH unless chunks are asked for: distribution stores what it got of a broken one,
and tells how much that was.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import quote

from ducklake_registry.errors import DigestMismatch, InvalidAnswer, RegistryError, RegistryUnreachable
from ducklake_registry.layout import FilePart
from ducklake_registry.oci import media_types
from ducklake_registry.registry.call import Call
from ducklake_registry.registry.retry import PASSING_STATUSES

if TYPE_CHECKING:
    from ducklake_registry.reference import Digest
    from ducklake_registry.registry._http import Session
    from ducklake_registry.registry.answers import Answer

# Told how many bytes of a blob have been sent so far; that may shrink when a part has to go again.
Progress = Callable[[int], None]

# One request less for what is small enough to be sent again as a whole.
_AT_ONCE = 1024 * 1024
# Cancelling is a courtesy; distribution's releases before 3 refuse it to those who may not delete.
_ANY_REFUSAL = range(400, 600)
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")


class Uploaded(StrEnum):
    """What it took until a blob was there."""

    FOUND = "found"
    MOUNTED = "mounted"
    SENT = "sent"


class Content(Protocol):
    """Bytes that can be given from any place on, as often as an upload needs them."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """Give the bytes from `start` up to before `end`, piece by piece."""


@dataclass(frozen=True, slots=True)
class _Body:
    """A part of the content as a request's body, which starts anew each time it is sent."""

    content: Content
    start: int
    end: int
    progress: Progress

    def __iter__(self) -> Iterator[bytes]:
        done, content = self.start, self.content
        # What is whole in a file need not come through here on its way.
        give = content.slices if isinstance(content, FilePart) else content.pieces
        for piece in give(self.start, self.end):
            yield cast("bytes", piece)
            done += len(piece)
            self.progress(done)


@dataclass(slots=True)
class Upload:
    """One blob on its way into a repository; `chunk` limits, in bytes, what one request carries."""

    session: Session
    repository: str
    digest: Digest
    content: Content
    subject: str
    progress: Progress
    chunk: int | None = None
    _url: str = ""
    _offset: int = 0
    _breaks: int = 0

    def start(self, mount_from: str | None = None) -> Uploaded | None:
        """Open the upload, or have the blob mounted, which needs no upload then.

        The registry forgets by itself an upload that is not used.
        """
        url, scope = f"/v2/{self.repository}/blobs/uploads/", self._scope
        if mount_from:
            url += f"?mount={self.digest}&from={quote(mount_from, safe='')}"
            scope += f" repository:{mount_from}:pull"
        call = Call("POST", url, scope, self.subject, {"Content-Length": "0"}, repeatable=True)
        answer = self.session.send(call)
        if answer.status == HTTPStatus.CREATED:
            return Uploaded.MOUNTED
        self._go_on_at(answer)
        if self.chunk:
            self.chunk = max(self.chunk, answer.number("oci-chunk-min-length") or 0)
        return None

    def run(self) -> None:
        """Send the content and close the upload with its digest.

        Raises DigestMismatch with both digests where the content is not what its digest names.
        """
        try:
            if self.chunk is None and self.content.size <= _AT_ONCE and self._close_with_all():
                return
            while self._offset < self.content.size:
                self._send_part()
            self._close()
        except DigestMismatch as error:
            raise self._mismatch() from error

    def run_or_cancel(self) -> Uploaded:
        """Run, and leave no half of a blob in the registry where that is broken off."""
        try:
            self.run()
        except RegistryUnreachable:
            raise  # nobody is there to be told
        except BaseException:
            with contextlib.suppress(RegistryError):
                self.cancel()
            raise
        return Uploaded.SENT

    def cancel(self) -> None:
        """Take back an upload that was opened."""
        if self._part("DELETE").status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        # More has arrived than this URL tells of; the registry has another one by now.
        state = self._part("GET")
        if state.ok:
            self._go_on_at(state)
            self._part("DELETE")

    def _part(self, method: str) -> Answer:
        call = Call(method, self._url, self._scope, self.subject, parting=True)
        return self.session.send(call, *_ANY_REFUSAL)

    @property
    def _scope(self) -> str:
        return f"repository:{self.repository}:pull,push"

    def _told(self, done: int) -> None:
        self.progress(done)
        self.session.check_time(f"{done:,} of {self.content.size:,} bytes of {self.subject} sent")

    def _close_with_all(self) -> bool:
        """Send what is small with the closing request; if that breaks, the long way is still open."""
        body = _Body(self.content, 0, self.content.size, self._told)
        try:
            answer = self.session.send(self._closing(body), *PASSING_STATUSES)
        except RegistryUnreachable as error:
            self._resume(error)
            return False
        if not answer.ok:
            self._resume(self.session.problem(answer, self.subject), answer)
        return answer.ok

    def _send_part(self) -> None:
        end = min(self._offset + (self.chunk or self.content.size), self.content.size)
        headers = {"Content-Type": media_types.OCTET_STREAM, "Content-Length": str(end - self._offset)}
        if self._offset or end < self.content.size:
            headers["Content-Range"] = f"{self._offset}-{end - 1}"
        body = _Body(self.content, self._offset, end, self._told)
        call = Call("PATCH", self._url, self._scope, self.subject, headers, body, repeatable=False)
        try:
            answer = self.session.send(call, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, *PASSING_STATUSES)
        except RegistryUnreachable as error:
            self._resume(error)
            return
        if answer.ok:
            self._go_on_at(answer)
            self._offset, self._breaks = end, 0
        else:
            self._resume(self.session.problem(answer, self.subject), answer)

    def _resume(self, error: RegistryError, answer: Answer | None = None) -> None:
        """Wait, then ask how much has arrived; an upload that is lost is opened again."""
        self._breaks += 1
        if self._breaks >= self.session.retry.attempts:
            raise error
        self.session.sleep(
            self.session.retry.pause(self._breaks, answer.header("retry-after") if answer else None)
        )
        state = self.session.send(
            Call("GET", self._url, self._scope, self.subject), HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST
        )
        arrived = _RANGE.fullmatch(state.header("range")) if state.ok else None
        # "0-0" is what distribution says of nothing at all, and of one byte.
        if arrived is None or arrived[1] == "0":
            self._offset = 0
            self.start()
            return
        before, self._offset = self._offset, int(arrived[1]) + 1
        self._go_on_at(state)
        if self._offset > before:
            self._breaks = 0

    def _go_on_at(self, answer: Answer) -> None:
        """Each answer says where to go on; it may be a relative URL, or on another host, but no less safe."""
        location = answer.header("location")
        if location:
            self._url = self.session.onward(location, answer.url)
        elif not self._url:
            raise InvalidAnswer(f"{self.subject}: the registry did not say where to upload it to")

    def _closing(self, body: _Body | None = None) -> Call:
        separator = "&" if "?" in self._url else "?"
        size = self.content.size if body else 0
        headers = {"Content-Type": media_types.OCTET_STREAM, "Content-Length": str(size)}
        url = f"{self._url}{separator}digest={self.digest}"
        return Call("PUT", url, self._scope, self.subject, headers, body, repeatable=body is None)

    def _close(self) -> None:
        answer = self.session.send(self._closing(), HTTPStatus.NOT_FOUND)
        if answer.status != HTTPStatus.NOT_FOUND:
            return
        # The first time may have done it although its answer was lost.
        if answer.attempts == 1 or not has_blob(self.session, self.repository, self.digest, self.subject):
            raise self.session.problem(answer, self.subject)

    def _mismatch(self) -> DigestMismatch:
        hasher = self.digest.hasher()
        for piece in self.content.pieces(0, self.content.size):
            hasher.update(piece)
        actual = f"{self.digest.algorithm}:{hasher.hexdigest()}"
        if actual == self.digest:
            return DigestMismatch(f"{self.subject} changed on its way: not {self.digest} arrived", "try again")
        return DigestMismatch(f"{self.subject} should be {self.digest}, but its content is {actual}")


def has_blob(session: Session, repository: str, digest: Digest, subject: str) -> bool:
    """Ask whether a repository has a blob."""
    call = Call("HEAD", f"/v2/{repository}/blobs/{digest}", f"repository:{repository}:pull,push", subject)
    return session.send(call, HTTPStatus.NOT_FOUND).ok
