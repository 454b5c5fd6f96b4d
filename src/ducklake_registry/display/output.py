"""Results on stdout: a picture for people, or JSON or YAML for machines."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from ducklake_registry.printable import printable_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed import DataclassInstance
    from rich.console import RenderableType

_FLUSH_SECONDS = 0.1
# JSON's own writer leaves these as they are: terminals obey some, and no stream takes the others.
_TO_ESCAPE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

R = TypeVar("R", bound="DataclassInstance")


class OutputFormat(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class ListFormat(StrEnum):
    """How a long list is written: JSON lines come one by one, before the list has ended."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    JSONL = "jsonl"


def emit(result: R, form: OutputFormat, picture: Callable[[R], RenderableType]) -> None:
    """Write a result, a frozen dataclass, to stdout in the form that was asked for.

    A picture that is a str is one to be copied, which is not folded where the screen ends.
    For machines its keys are the fields' names, sizes bytes, times RFC 3339, durations seconds.
    """
    if form is OutputFormat.TABLE:
        from ducklake_registry.display.terminal import stdout

        shown = picture(printable_data(result))
        stdout().print(shown, soft_wrap=True if isinstance(shown, str) else None, markup=False)
    else:
        write_plain(plain(result), form)


def write_json_lines(values: Iterable[Any]) -> None:
    """Write plain data to stdout, each value as a line of JSON, seen by its reader within a moment."""
    seen = time.monotonic()
    for value in values:
        sys.stdout.write(_json(value))
        if (now := time.monotonic()) - seen > _FLUSH_SECONDS:
            sys.stdout.flush()
            seen = now
    sys.stdout.flush()


def write_lines(lines: Iterable[bytes]) -> None:
    """Write bytes to stdout as they come, each piece at once."""
    for line in lines:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def write_plain(value: Any, form: OutputFormat) -> None:
    """Write plain data to stdout as JSON or YAML."""
    if form is OutputFormat.JSON:
        text = _json(value, indent=2)
    else:
        import yaml

        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
        if _TO_ESCAPE.search(text):
            text = yaml.safe_dump(value, sort_keys=False)
    sys.stdout.write(text)
    sys.stdout.flush()


def _json(value: Any, indent: int | None = None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def plain(value: Any) -> Any:
    """Return data as JSON and YAML know it: dictionaries, lists, text and numbers.

    A field whose metadata says `plain` False is left out.
    """
    if dataclasses.is_dataclass(value):
        shown = (each.name for each in dataclasses.fields(value) if each.metadata.get("plain", True))
        return {name: plain(getattr(value, name)) for name in shown}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str):
        return str(value)  # an enumeration's member, or a digest, is text to JSON, but not to YAML
    return value
