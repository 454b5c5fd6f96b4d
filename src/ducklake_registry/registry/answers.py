"""`Answer`, and what a registry's errors mean to the one who asked.

Source: "Error Codes" of the OCI distribution specification 1.1, and of distribution's API for the others.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ducklake_registry.errors import (
    DeleteDisabled,
    Denied,
    DigestMismatch,
    InvalidAnswer,
    NotFound,
    ReadOnly,
    RegistryError,
    RegistryUnreachable,
    TooManyRequests,
    Unauthorized,
    Unsupported,
)
from ducklake_registry.oci import json_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ducklake_registry.oci.json_fields import JsonObject
    from ducklake_registry.registry.connections import Exchange

_QUOTED_CHARACTERS = 200
_SERVER_ERRORS = 500
_MOST_DIGITS = 18

_NOT_DONE = {"UNSUPPORTED", "PAGINATION_NUMBER_INVALID"}
_LATER = "try later"
LIST_HINT = "list what there is: dlr list-registry-images"
_HINTS = {
    "NAME_UNKNOWN": LIST_HINT,
    "MANIFEST_UNKNOWN": LIST_HINT,
    "BLOB_UNKNOWN": "the image is not complete in the registry: push it again",
    "MANIFEST_BLOB_UNKNOWN": "push the image's blobs before its manifest",
    "DIGEST_INVALID": "the content changed on its way: try again",
    "SIZE_INVALID": "the content changed on its way: try again",
    "BLOB_UPLOAD_UNKNOWN": "the registry has forgotten the upload: try again",
    "BLOB_UPLOAD_INVALID": "the registry has lost count of the upload: try again",
    "RANGE_INVALID": "the registry has lost count of the upload: try again",
    "MANIFEST_INVALID": "it does not take manifests of this kind: build the image anew, or upgrade the registry",
    "MANIFEST_UNVERIFIED": "the manifest's signature does not hold: build and push the image anew",
    "NAME_INVALID": "a repository's name is lowercase",
    "TAG_INVALID": "the tag in the manifest is another one than in the request",
    "UNSUPPORTED": "it cannot do this, or not as it is configured: dlr test-registry shows what it can",
    "PAGINATION_NUMBER_INVALID": "let it give larger pages: catalog.maxentries in the registry's config.yml",
    "UNAVAILABLE": "see how it is: dlr registry-status",
    "UNKNOWN": "its log tells more: dlr logs",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the registry; its body is in `body`, or still to be read from `exchange`.

    `came` is when, by time.monotonic.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    attempts: int = 1
    exchange: Exchange | None = field(default=None, repr=False)
    came: float = field(default_factory=time.monotonic, repr=False, compare=False)

    def header(self, name: str) -> str:
        """Return a header's value, "" without one; fields of the same name are joined by commas."""
        return self.headers.get(name.lower(), "")

    def number(self, name: str) -> int | None:
        """Return a header's value as a whole number; None where it is missing or anything else."""
        return whole_number(self.header(name))

    @property
    def ok(self) -> bool:
        """Whether the registry did what it was asked for."""
        return self.status in range(200, 300)

    def json(self) -> JsonObject:
        """Read the body as a JSON object; raises InvalidAnswer that quotes how it starts."""
        try:
            return json_fields.read_object(self.body, self.url)
        except InvalidAnswer as error:
            raise InvalidAnswer(
                f"{self.url} did not answer with JSON but with {_quote(self.body)}",
                "is it a registry? a proxy or a web page may stand in front of it",
            ) from error

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of strings out of the body; `null` is an empty one to registries written in Go."""
        return json_fields.texts(self.json(), key)

    def objects(self, key: str) -> list[JsonObject]:
        """Read a list of objects out of the body."""
        return json_fields.objects(self.json(), key)


def whole_number(text: str) -> int | None:
    """Read digits as a number that fits into 64 bits; None for anything else (RFC 9110, section 8.6)."""
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        return None
    return int(text)


@dataclass(frozen=True, slots=True)
class _Problem:
    """What the registry itself says: its codes, and its words."""

    codes: tuple[str, ...]
    words: str


def problem(answer: Answer, subject: str, registry: str) -> RegistryError:  # noqa: PLR0911 - a table
    """Make the error for an answer that is not what was asked for.

    `subject` is what it was about, in the user's words: `team/app:v1 in localhost:5000`.
    """
    said = _said(answer)
    tail = f": {said.words}" if said.words else ""
    hints = _HINTS | {"UNAUTHORIZED": _login(registry), "DENIED": _access(registry), "TOOMANYREQUESTS": _LATER}
    hint = next((hints[code] for code in said.codes if code in hints), None)
    match answer.status:
        case 401:
            return Unauthorized(f"{registry} wants a user name and a password{tail}", _login(registry))
        case 403:
            return Denied(f"{registry} denies access to {subject}{tail}", _access(registry))
        case 404:
            return NotFound(f"not found: {subject}{tail}", hint)
        case 405:
            return _not_allowed(answer, said, subject, registry, hint)
        case 429:
            return TooManyRequests(f"{registry} asks for slower requests{_tried(answer)}{tail}", _LATER)
        case 400 if "HTTP request to an HTTPS server" in said.words:
            return RegistryUnreachable(
                f"{registry} speaks HTTPS, but was asked in plain HTTP", f"write https://{registry}"
            )
        case status if status >= _SERVER_ERRORS:
            return RegistryError(
                f"{registry} failed with status {status}{_tried(answer)} at {subject}{tail}", hint
            )
    if "DIGEST_INVALID" in said.codes:
        return DigestMismatch(f"{registry} refuses {subject}{tail}", hint)
    if not _NOT_DONE.isdisjoint(said.codes):
        return Unsupported(f"{registry} does not support this for {subject}{tail}", hint)
    return RegistryError(f"{registry} refused {subject} with status {answer.status}{_tried(answer)}{tail}", hint)


def _said(answer: Answer) -> _Problem:
    """Read the registry's JSON of errors; whatever else it sent is quoted in part."""
    try:
        errors = json.loads(answer.body)["errors"]
        codes = tuple(str(error["code"]) for error in errors)
        words = "; ".join(_words(error) for error in errors)
    except (ValueError, TypeError, LookupError, RecursionError):
        return _Problem((), _quote(answer.body) if answer.body.strip() else "")
    return _Problem(codes, words)


def _words(error: Mapping[str, object]) -> str:
    message = str(error.get("message") or "").strip()
    return f"{message or 'no message'} ({error['code']})"[:_QUOTED_CHARACTERS]


def _not_allowed(answer: Answer, said: _Problem, subject: str, registry: str, hint: str | None) -> Unsupported:
    """Tell delete disabled from read-only.

    distribution answers UNSUPPORTED where deleting is disabled; in its read-only mode the route itself has
    no such method, and the answer is plain text with `Allow`. Other registries leave out both.
    """
    allowed = answer.header("allow")
    if "UNSUPPORTED" not in said.codes and allowed and answer.method not in allowed:
        return ReadOnly(
            f"{registry} is read-only: it refuses to change {subject}",
            "end its maintenance mode: storage.maintenance.readonly.enabled in the registry's config.yml",
        )
    if answer.method == "DELETE":
        return DeleteDisabled(
            f"deleting is disabled in {registry}: {subject} stays",
            "enable it: storage.delete.enabled in the registry's config.yml",
        )
    return Unsupported(f"{registry} does not support this for {subject}: {said.words}", hint)


def _login(registry: str) -> str:
    return f"log in: docker login {registry}, or give --username and --password-stdin"


def _access(registry: str) -> str:
    return f"ask for it, or {_login(registry)}"


def _tried(answer: Answer) -> str:
    return f" (tried {answer.attempts} times)" if answer.attempts > 1 else ""


def _quote(body: bytes) -> str:
    return repr(" ".join(body[:_QUOTED_CHARACTERS].decode("utf-8", "replace").split()))
