"""Names of what a registry keeps: `Reference` and its parts `Repository`, `Tag` and `Digest`.

The grammar is that of the OCI distribution specification 1.1 ("Pulling manifests") and of the reference
package of `distribution`, which Docker uses too. The parts are strings that were checked once: they compare,
sort, print and go into JSON as the text they are.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from typing import Protocol, Self

from ducklake_registry.errors import UsageError

DOCKER_HUB = "docker.io"

Bytes = bytes | bytearray | memoryview

_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::(?P<port>[0-9]+))?")
_HEX = re.compile(r"[a-f0-9]+")

_REPOSITORY_LENGTH = 255
_TAG_LENGTH = 128
_HIGHEST_PORT = 65535
_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}


class Hash(Protocol):
    """What `hashlib` makes: takes bytes bit by bit and tells their digest."""

    def update(self, data: Bytes, /) -> None:
        """Take more bytes in."""

    def hexdigest(self) -> str:
        """Tell the digest of all bytes so far, in hexadecimal."""


class Repository(str):
    """A repository's path within its registry, like `team/app`.

    Raises UsageError where the text breaks the grammar: lowercase components between slashes.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:  # noqa: D102
        if problem := _repository_problem(text):
            raise UsageError(f"{text!r} is no repository: {problem}", _repository_hint(text))
        return super().__new__(cls, text)


class Tag(str):
    """A tag, like `v1.2`: at most 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`.

    Raises UsageError where the text breaks the grammar.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:  # noqa: D102
        if not _TAG.fullmatch(text):
            raise UsageError(f"{text!r} is no tag: {_tag_problem(text)}", "a tag looks like v1.2 or latest")
        return super().__new__(cls, text)


class Digest(str):
    """The name of content by its hash, like `sha256:…` and 64 hexadecimal digits.

    Raises UsageError for an algorithm other than sha256, sha384 and sha512 and for a wrong length. See
    "Digests" in the OCI image specification.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:  # noqa: D102
        if problem := _digest_problem(text):
            raise UsageError(f"{text!r} is no digest: {problem}", "a digest is sha256: and 64 hexadecimal digits")
        return super().__new__(cls, text)

    @classmethod
    def of(cls, content: Bytes, algorithm: str = "sha256") -> Self:
        """Compute the digest of content that is at hand."""
        return cls(f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")

    @property
    def algorithm(self) -> str:
        """The part before the colon, like `sha256`."""
        return self.partition(":")[0]

    @property
    def hex(self) -> str:
        """The part after the colon."""
        return self.partition(":")[2]

    def hasher(self) -> Hash:
        """Start a hash of this digest's algorithm."""
        return hashlib.new(self.algorithm)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an image is: registry, repository, and a tag or a digest or both (then the digest wins)."""

    registry: str
    repository: Repository
    tag: Tag | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, *, default_registry: str | None = None) -> Self:
        """Read `localhost:5000/team/app:v1@sha256:…`.

        Without a registry in the text it is `default_registry`; `docker.io` then means what it means to
        Docker, `alpine` being `docker.io/library/alpine`. Neither tag nor digest is ever made up. Raises
        UsageError that tells which part is wrong.
        """
        name, at, digest = text.partition("@")
        name, tag = _split_tag(name)
        registry, path = _split_registry(name, default_registry)
        if not path:
            raise UsageError(f"{text!r} names no image", "write REGISTRY/REPOSITORY:TAG")
        if registry is None:
            raise UsageError(
                f"{text!r} does not say which registry", f"put it in front, like localhost:5000/{text}"
            )
        return cls(
            parse_registry(registry),
            Repository(path),
            None if tag is None else Tag(tag),
            Digest(digest) if at else None,
        )

    @property
    def target(self) -> Tag | Digest | None:
        """What to ask the registry for: the digest where there is one, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def parse_registry(text: str) -> str:
    """Check `HOST[:PORT]` and return it in lower case; raises UsageError."""
    match = _REGISTRY.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no registry", "a registry is HOST or HOST:PORT, like localhost:5000")
    port = match["port"]
    if port is not None and not 0 < int(port) <= _HIGHEST_PORT:
        raise UsageError(f"{text!r} is no registry: no port {port}", f"ports go from 1 to {_HIGHEST_PORT}")
    host = text.lower()
    return DOCKER_HUB if host == f"index.{DOCKER_HUB}" else host


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or address alone (RFC 6761, section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split_tag(name: str) -> tuple[str, str | None]:
    """Cut the tag off; a colon before the last slash is a port's."""
    head, colon, tail = name.rpartition(":")
    if not colon or "/" in tail or (name.startswith("[") and "/" not in name):
        return name, None
    return head, tail


def _split_registry(name: str, default: str | None) -> tuple[str | None, str]:
    """Take the first component for a registry if it cannot be a repository's, as Docker does."""
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or any(c in ".:[" for c in first) or first != first.lower()):
        registry: str | None = first
    else:
        registry, rest = default, name
    if registry is not None and registry.lower() in (DOCKER_HUB, f"index.{DOCKER_HUB}") and "/" not in rest:
        rest = rest and f"library/{rest}"
    return registry, rest


def _repository_problem(text: str) -> str | None:
    if not text:
        return "it is empty"
    if len(text) > _REPOSITORY_LENGTH:
        return f"{len(text)} characters are more than {_REPOSITORY_LENGTH}"
    wrong = [part for part in text.split("/") if not _COMPONENT.fullmatch(part)]
    if not wrong:
        return None
    if wrong[0] != wrong[0].lower():
        return f"uppercase letters in {wrong[0]!r}"
    return f"{wrong[0]!r} between slashes" if wrong[0] else "nothing between two slashes or at an end"


def _repository_hint(text: str) -> str:
    if text != text.lower() and not _repository_problem(text.lower()):
        return f"write {text.lower()}"
    return "lowercase letters and digits, with single . _ or - between them, and / between components"


def _tag_problem(text: str) -> str:
    if not text:
        return "it is empty"
    if len(text) > _TAG_LENGTH:
        return f"{len(text)} characters are more than {_TAG_LENGTH}"
    if text[0] in ".-":
        return f"it starts with {text[0]!r}"
    return f"it may not have {re.sub('[A-Za-z0-9_.-]', '', text)[:1]!r} in it"


def _digest_problem(text: str) -> str | None:
    algorithm, colon, digits = text.partition(":")
    if not colon:
        return "no colon after the algorithm"
    expected = _HEX_DIGITS.get(algorithm)
    if expected is None:
        return f"unknown algorithm {algorithm!r}"
    if len(digits) != expected:
        return f"{len(digits)} hexadecimal digits instead of {expected}"
    return None if _HEX.fullmatch(digits) else "other than the digits 0-9 and a-f"
