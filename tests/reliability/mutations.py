# ruff: noqa: E501 - lists of things that are not to be read line by line
"""Ways to break an answer: its JSON, its headers, its status, its framing, its bytes.

Every choice comes from the given generator, so that a case can be made again from its seed and number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.reliability.world import Answered, Asked, World, resealed

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NASTY_TEXTS = (
    "", " ", "-1", "0", "1", "²", "٣", "9" * 30, "9" * 5000, "0x10", "1e400", "NaN", "inf", "null", "\x00", "\t",
    "é", "\x1b[31mred", "a\r\nX: y", '"', "\\", "%", "%00", "%zz", "://", "http://[", "http://host:port/", "//",
    "/", "?", "#", "http://[::1", "http://\u2100.example/", "/v2/../../", "x" * 3000, "sha256:", "sha256:zz",
    "sha256:" + "0" * 64, "sha512:" + "0" * 128, "md5:" + "0" * 32, "bytes 0-0/0", "bytes 5-1/*", "0-", "0-0",
    "0-99999999999999999999", "chunked", "gzip", "gzip, chunked", "close", "keep-alive", "Basic realm=\"x\"",
    "Bearer", "Bearer realm=", 'Bearer realm="http://["', 'Bearer realm="{home}/token",service="s",scope="a b"',
    'Bearer realm="http://127.0.0.1:1/token"', 'Bearer realm="{home}/v2/"', "Negotiate", ",,,", "=", ";", "<",
    "</v2/_catalog?n=1&last=x>; rel=\"next\"", "<http://other.example/>; rel=next", "<http://[>; rel=next",
    "<>; rel=next", "{home}/v2/", "http://other.invalid/v2/", "Wed, 21 Oct 2099 07:28:00 GMT",
    "Wed, 99 Foo 99999 99:99:99 +9999", "Mon, 01 Jan 0001 00:00:00 +2359", "application/json",
    "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json; charset=x",
    "application/vnd.docker.distribution.manifest.v1+prettyjws", "text/html", "\ud800", "\x85", "\u2028",
)  # fmt: skip
CHALLENGES = (
    'Bearer realm="{home}/token"', 'Bearer realm="{home}/token",service="a b",scope="repository:x:pull"',
    'Bearer realm="{home}/token?x=1",error="invalid_token"', 'Basic realm="x", Bearer realm="{home}/token"',
    'bearer REALM={home}/token', 'Bearer realm="{home}/token\\"', 'Basic realm="x"', "Basic", 'Bearer realm="http://["',
    'Bearer realm="http://127.0.0.1:1/token"', 'Bearer realm="http://host:port/token"', 'Bearer realm="\x97"', "\xff\xfe",
    'Bearer realm="{home}/token",scope="\u00e9"', "Negotiate abc=, Basic", 'Bearer realm="' + "x" * 5000,
    'Bearer realm="{home}/token\x00"', 'Bearer realm="//\u2100/token"', 'Bearer realm="http://\u2100.example/token"',
)  # fmt: skip
HEADERS = (
    "Content-Length", "Content-Type", "Transfer-Encoding", "Content-Encoding", "Content-Range", "Connection",
    "Location", "Link", "WWW-Authenticate", "Docker-Content-Digest", "Docker-Distribution-Api-Version",
    "Docker-Upload-UUID", "Range", "Retry-After", "Allow", "ETag", "OCI-Subject", "OCI-Filters-Applied",
    "OCI-Chunk-Min-Length", "Set-Cookie", "Warning", "X\x00Y", "", "Date", "Trailer", "Upgrade", "Keep-Alive",
)  # fmt: skip
STATUSES = (100, 101, 103, 199, 200, 201, 202, 204, 206, 207, 226, 299, 300, 301, 302, 303, 304, 305, 307, 308, 399,
            400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 416, 418, 429, 431, 451, 499, 500, 501, 502, 503,
            504, 505, 507, 511, 599, 600, 999)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, -0.0, 1e308, float("inf"), float("nan"), 2**31, 2**63 - 1, 2**63, 10**40,
    "", [], {}, [[]], [None], [{}], {"": None}, [1, "a", None], {"a": {"b": {"c": []}}}, *NASTY_TEXTS,
)  # fmt: skip
BODIES = (
    b"", b"null", b"[]", b"{}", b"0", b'""', b"<html><body>Sign in</body></html>", b"\xff\xfe{}", b"\xef\xbb\xbf{}",
    b"{" * 1000, b"[" * 200_000, b'{"a":' * 20_000, b"9" * 5000, b'{"errors":null}', b'{"errors":[null]}',
    b'{"errors":[{"code":[]}]}', b'{"errors":[{"code":"DENIED","message":{"a":1}}]}', b'{"errors":{"code":"X"}}',
    b'{"errors":[{"code":"UNKNOWN","message":"' + b"\\u001b[2J" * 50 + b'"}]}', b'{"token":null}', b'{"token":5}',
    b'{"token":"a\\r\\nb"}', b'{"token":"\\ud800"}', b'{"token":"t","expires_in":1e999}', b"\x00" * 100,
    b'{"token":"t","expires_in":' + b"9" * 400 + b"}", b'{"token":"t","expires_in":NaN}', b"\x1f\x8b\x08\x00garbage",
    b'{"name":"\\ud800","tags":["\\ud800"]}', b'{"repositories":["\\u0000"]}', b'{"tags":["v1","v1","v1"]}',
    b'{"tags":{"v1":1}}', b'{"manifests":5}', b'{"schemaVersion":1}',
)  # fmt: skip


@dataclass(slots=True)
class Broken:
    """A world in which some answers are broken; `raw` has those whose very bytes are.

    `stays_open` are those after which the connection is kept, however little of the answer has come.
    """

    world: World
    raw: dict[Asked, bytes] = field(default_factory=dict)
    stays_open: set[Asked] = field(default_factory=set)
    token: Answered = field(default_factory=lambda: Answered(200, (), b'{"token": "t"}'))
    """What the token server answers, should anybody be sent there."""


def broken(world: World, targets: tuple[Asked, ...], random: Random) -> Broken:
    """Break one to five answers of a world, among those of the targets."""
    made = Broken(dict(world))
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        asked = random.choice(targets)
        if asked in made.world:  # its digest may have changed, and so its name
            random.choice(_WAYS)(made, asked, random)
    return made


def whole(answer: Answered, *, is_head: bool = False) -> bytes:
    """Write an answer as HTTP/1.1."""
    lines = [f"HTTP/1.1 {answer.status} Any", *(f"{name}: {value}" for name, value in answer.headers)]
    if not is_head and not any(
        name.lower() in {"content-length", "transfer-encoding"} for name, _ in answer.headers
    ):
        lines.append(f"Content-Length: {len(answer.body)}")
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass")
    return head if is_head else head + answer.body


def _in_json(made: Broken, asked: Asked, random: Random) -> None:
    """Change values in the body, or take out keys; mostly its digest is made right again."""
    try:
        document = json.loads(made.world[asked].body)
    except (ValueError, RecursionError):
        _another_body(made, asked, random)
        return
    for _ in range(random.choice((1, 1, 2, 4))):
        document = _changed(document, random)
    _set_body(made, asked, json.dumps(document).encode("utf-8", "surrogatepass"), random)


def _another_body(made: Broken, asked: Asked, random: Random) -> None:
    _set_body(made, asked, random.choice(BODIES), random)


def _in_body_bytes(made: Broken, asked: Asked, random: Random) -> None:
    _set_body(made, asked, _mangled(made.world[asked].body, random), random)


def _set_body(made: Broken, asked: Asked, body: bytes, random: Random) -> None:
    if random.random() < 0.8:
        made.world = resealed(made.world, asked, body)
    else:
        made.world[asked] = replace(made.world[asked], body=body)


def _in_headers(made: Broken, asked: Asked, random: Random) -> None:
    answer = made.world[asked]
    headers = list(answer.headers)
    for _ in range(random.choice((1, 1, 2, 3))):
        chance = random.random()
        if headers and chance < 0.25:
            headers.pop(random.randrange(len(headers)))
        elif headers and chance < 0.5:
            place = random.randrange(len(headers))
            headers[place] = (headers[place][0], _nasty_text(random))
        elif headers and chance < 0.6:
            headers.append(random.choice(headers))
        else:
            headers.append((random.choice(HEADERS), _nasty_text(random)))
    made.world[asked] = replace(answer, headers=tuple(headers))


def _in_status(made: Broken, asked: Asked, random: Random) -> None:
    """Another status, with what often comes along with it."""
    answer = made.world[asked]
    headers = answer.headers
    if random.random() < 0.7:
        name = random.choice(("Location", "WWW-Authenticate", "Retry-After", "Allow", "Content-Range", "Link"))
        headers += ((name, _nasty_text(random)),)
    body = random.choice((answer.body, b"", random.choice(BODIES)))
    made.world[asked] = Answered(random.choice(STATUSES), headers, body)


def _in_login(made: Broken, asked: Asked, random: Random) -> None:
    """A wish to know who asks, and a token server as odd as the rest."""
    challenge = random.choice(CHALLENGES)
    made.world[asked] = Answered(
        401, (("WWW-Authenticate", challenge),), random.choice((b"", random.choice(BODIES)))
    )
    if random.random() < 0.8:
        headers = () if random.random() < 0.8 else ((random.choice(HEADERS), _nasty_text(random)),)
        made.token = Answered(
            random.choice((200, 200, 200, 201, 307, 401, 403, 500)), headers, random.choice(BODIES)
        )


def _in_redirect(made: Broken, asked: Asked, random: Random) -> None:
    place = random.choice(
        (f"{{home}}{asked.target}", f"{{home}}{random.choice([*made.world]).target}", _nasty_text(random))
    )
    made.world[asked] = Answered(random.choice((301, 302, 303, 307, 308)), (("Location", place),), b"")


def _in_framing(made: Broken, asked: Asked, random: Random) -> None:
    """Heads and chunks that are not as RFC 9112 has them."""
    answer = made.world[asked]
    body = answer.body
    plain = whole(answer, is_head=asked.method == "HEAD")
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n0\r\n\r\n"
    size = random.choice((b"", b"zz", b"-1", b"0x5", b"fffffffffffffffffff", b"5;x=y", b" 5", b"1_0", b"9" * 5000))
    made.raw[asked] = random.choice(
        (
            b"",
            b"\r\n\r\n",
            b"\r\n" + plain,
            plain + plain,
            plain.replace(b"\r\n", b"\n"),
            plain.replace(b"HTTP/1.1", random.choice((b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2", b"ICY", b"http/1.1", b""))),
            plain.replace(b" 200 ", random.choice((b" 20 ", b" ", b" \xb2\xb2\xb2 ", b" 200", b" -20 ", b" 2e2 "))),
            b"HTTP/1.1 100 Continue\r\n\r\n" * random.choice((1, 2, 300)) + plain,
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % random.choice((2**31, 2**63, 10**30)) + body,
            b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % random.choice((b"\xb2", b"+5", b"5 ", b"9" * 6000)) + body,
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n" + body,
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * random.choice((99, 101, 20_000)) + b"\r\n" + body,
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * random.choice((65_000, 70_000, 200_000)) + b"\r\n\r\n" + body,
            b"HTTP/1.1 200 OK\r\n: nameless\r\n folded\r\n\x00\x01\x02: z\r\n\r\n" + body,
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
            chunks % (size + b"\r\n" + body),
            chunks % (b"%x\r\n" % len(body) + body),
            chunks % (b"%x\r\n" % (len(body) + 5) + body),
            b"HTTP/1.1 200 OK\r\n\r\n" + body,
            plain[: random.randrange(len(plain) + 1)],
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x16",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            random.randbytes(random.choice((1, 10, 1000))),
        )
    )  # fmt: skip
    if random.random() < 0.02:
        made.stays_open.add(asked)


def _in_bytes(made: Broken, asked: Asked, random: Random) -> None:
    plain = whole(made.world[asked], is_head=asked.method == "HEAD")
    made.raw[asked] = _mangled(plain, random)


_WAYS: tuple[Callable[[Broken, Asked, Random], None], ...] = (
    _in_json, _in_json, _in_json, _in_headers, _in_headers, _in_status, _in_framing, _in_bytes, _in_body_bytes,
    _another_body, _in_login, _in_redirect,
)  # fmt: skip


def _mangled(content: bytes, random: Random) -> bytes:
    """Flip, take out, put in or repeat bytes, or cut the end off."""
    made = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        start = random.randrange(len(made) + 1)
        end = min(len(made), start + random.choice((1, 1, 2, 8, 100)))
        match random.randrange(5):
            case 0:
                made[start:end] = random.randbytes(end - start)
            case 1:
                del made[start:end]
            case 2:
                made[start:start] = random.choice(NASTY_TEXTS).encode("utf-8", "surrogatepass")
            case 3:
                made[start:start] = made[start:end] * random.choice((1, 3, 50))
            case _:
                del made[max(start, 1) :]
    return bytes(made)


def _changed(value: Any, random: Random) -> Any:
    """Return JSON in which one value, somewhere, is another one or is gone."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        if random.random() < 0.15:
            return {name: each for name, each in value.items() if name != key}
        if random.random() < 0.1:
            return {**value, random.choice(NASTY_TEXTS): value[key]}
        return {**value, key: _changed(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.9:
        place = random.randrange(len(value))
        if random.random() < 0.15:
            return value * random.choice((0, 2, 30))
        return [*value[:place], _changed(value[place], random), *value[place + 1 :]]
    return random.choice(NASTY_VALUES)


def _nasty_text(random: Random) -> str:
    return random.choice(NASTY_TEXTS)
