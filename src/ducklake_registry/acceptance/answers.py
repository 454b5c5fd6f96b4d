"""What an answer has to be: its status, its headers, its error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ducklake_registry.acceptance.check import CheckFailed, expect
from ducklake_registry.oci import media_types

if TYPE_CHECKING:
    from ducklake_registry.oci import Index, Manifest
    from ducklake_registry.registry import Answer

_JSON = "application/json"
_QUOTED = 80
_UNAUTHORIZED = 401


def status(answer: Answer, wanted: int) -> None:
    """Expect a status."""
    if answer.status != wanted:
        raise CheckFailed(
            f"{answer.method} {_path(answer)} answers {answer.status}, not {wanted}{_said(answer)}",
            "log in: docker login, or give --username and --password-stdin"
            if answer.status == _UNAUTHORIZED
            else None,
        )


def names(answer: Answer, key: str) -> list[str]:
    """Expect a JSON document with a list of names, and return the list."""
    status(answer, 200)
    kind = media_types.bare(answer.header("content-type"))
    expect(kind == _JSON, f"{_path(answer)} is said to be {kind or 'of no type'}, not {_JSON}")
    return list(answer.texts(key))


def error(answer: Answer, wanted: int, *codes: str) -> None:
    """Expect an error with one of the specification's codes ("Error Codes")."""
    status(answer, wanted)
    try:
        found = [str(each["code"]) for each in json.loads(answer.body)["errors"]]
    except (ValueError, TypeError, LookupError):
        found = []
    expect(
        set(found) & set(codes),
        f"{_path(answer)} answers {wanted} with {' '.join(found) or 'no code'}, not {' or '.join(codes)}",
    )


def manifest(answer: Answer, wanted: Manifest | Index) -> None:
    """Expect a manifest: its headers, and after a GET its bytes."""
    status(answer, 200)
    kind = media_types.bare(answer.header("content-type"))
    expect(
        kind == wanted.media_type, f"{_path(answer)} is said to be {kind or 'of no type'}, not {wanted.media_type}"
    )
    said = answer.header("docker-content-digest")
    expect(said == wanted.digest, f"{_path(answer)} is said to have {said or 'no digest'}, not {wanted.digest}")
    length = answer.header("content-length")
    expect(
        length == str(len(wanted.raw)), f"{_path(answer)} has length {length or 'unknown'}, not {len(wanted.raw)}"
    )
    if answer.method == "GET":
        expect(answer.body == wanted.raw, f"{_path(answer)} has other bytes than were pushed")


def gone(answer: Answer, what: str) -> None:
    """Expect that something is not there any more."""
    expect(answer.status == 404, f"{what} is still there: {_path(answer)} answers {answer.status}")  # noqa: PLR2004


def _path(answer: Answer) -> str:
    return answer.url.partition("://")[2].partition("/")[2].join(("/", ""))


def _said(answer: Answer) -> str:
    text = " ".join(answer.body[:_QUOTED].decode("utf-8", "replace").split())
    return f": {text}" if text else ""
