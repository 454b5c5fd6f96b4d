"""Read whole HTTP/1.1 answers out of the bytes that have come so far.

Only the plain form that registries answer small requests in; anything else is Malformed, and left to a full
reader of HTTP. Source: RFC 9112, sections 4, 6 and 7.1.
"""

from __future__ import annotations

import string
from http import HTTPStatus

from ducklake_registry.registry.answers import Answer, whole_number

_LONGEST_HEAD = 64 * 1024
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_VERSION = "HTTP/1.1 "
_HEXADECIMAL = frozenset(string.hexdigits.encode())


class Malformed(Exception):
    """The answer is not of the plain form, or not HTTP at all."""


def read_answer(received: bytearray, method: str, url: str) -> Answer | None:
    """Return the answer if all of it is there, None if not yet. Raises Malformed."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        if len(received) > _LONGEST_HEAD:
            raise Malformed("the head has no end")
        return None
    status, headers = _head(received[:end].decode("latin-1"))
    body = b"" if method == "HEAD" or status in _BODILESS else _body(received, end + 4, headers)
    return None if body is None else Answer(method, url, status, headers, body)


def may_go_on(answer: Answer) -> bool:
    """Tell whether the connection may carry another request."""
    return answer.header("connection").lower() != "close"


def _head(head: str) -> tuple[int, dict[str, str]]:
    line, *fields = head.split("\r\n")
    code = line[9:12]
    status = whole_number(code)
    if not line.startswith(_VERSION) or status is None or status < HTTPStatus.OK:
        raise Malformed(line)
    headers: dict[str, str] = {}
    for each in fields:
        name, colon, value = each.partition(":")
        name = name.lower()
        if not colon or name != name.strip() or (name in headers and name == "content-length"):
            raise Malformed(each)
        value = value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return status, headers


def _body(received: bytearray, start: int, headers: dict[str, str]) -> bytes | None:
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked" or "content-length" in headers:
            raise Malformed("an unusual transfer coding")
        # Whatever its trailers, it ends so; before, it is not worth another look.
        return _unchunked(received, start) if received.endswith(b"\r\n\r\n") else None
    length = whole_number(headers.get("content-length", ""))
    if length is None:
        raise Malformed("no length")
    end = start + length
    if len(received) > end:
        raise Malformed("more than was asked for")
    return bytes(received[start:]) if len(received) == end else None


def _unchunked(received: bytearray, position: int) -> bytes | None:
    pieces: list[bytes] = []
    while (line := received.find(b"\r\n", position)) >= 0:
        digits = received[position:line].partition(b";")[0].strip()
        if not digits or not _HEXADECIMAL.issuperset(digits):
            raise Malformed("no size of a chunk")
        size, start = int(digits, 16), line + 2
        if size == 0:
            return b"".join(pieces)
        pieces.append(bytes(received[start : start + size]))
        position = start + size + 2
        if len(received) < position:
            return None
    return None
