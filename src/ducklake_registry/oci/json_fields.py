"""Read fields of untrusted JSON, each by the type that it must have."""

from __future__ import annotations

import json
from typing import Any

from ducklake_registry.errors import InvalidAnswer, UsageError
from ducklake_registry.reference import Digest

JsonObject = dict[str, Any]

# A size is a signed 64 bit integer to every implementation in Go.
_LARGEST_SIZE = 2**63 - 1


def read_object(raw: bytes, what: str) -> JsonObject:
    """Read bytes as a JSON object; raises InvalidAnswer that names `what` was expected."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer(f"{what} is not JSON: it starts with {raw[:40]!r}") from error
    if not isinstance(document, dict):
        raise InvalidAnswer(f"{what} is not a JSON object: it starts with {raw[:40]!r}")
    return document


def text(fields: JsonObject, key: str) -> str:
    """Read an optional string; "" where it is missing."""
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(key, "a string", value)
    return value


def size(fields: JsonObject, key: str = "size") -> int:
    """Read a size in bytes that must be there."""
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_SIZE:
        raise _wrong(key, "a size in bytes", value)
    return value


def digest(fields: JsonObject, key: str = "digest") -> Digest:
    """Read a digest that must be there."""
    value = fields.get(key)
    try:
        return Digest(value if isinstance(value, str) else "")
    except UsageError as error:
        raise _wrong(key, "a digest", value) from error


def objects(fields: JsonObject, key: str) -> list[JsonObject]:
    """Read an optional list of objects; `null` means none, as Go writes it."""
    value = fields.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong(key, "a list of objects", value)
    return value


def child(fields: JsonObject, key: str) -> JsonObject:
    """Read an optional object; empty where it is missing."""
    value = fields.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(key, "an object", value)
    return value


def texts(fields: JsonObject, key: str) -> tuple[str, ...]:
    """Read an optional list of strings."""
    value = fields.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(key, "a list of strings", value)
    return tuple(value)


def text_map(fields: JsonObject, key: str) -> dict[str, str]:
    """Read an optional object whose values are strings, like annotations and labels."""
    value = child(fields, key)
    if not all(isinstance(item, str) for item in value.values()):
        raise _wrong(key, "an object of strings", value)
    return value


def _wrong(key: str, expected: str, value: object) -> InvalidAnswer:
    found = "missing" if value is None else repr(value)[:80]
    return InvalidAnswer(f"{key!r} should be {expected}, but is {found}")
