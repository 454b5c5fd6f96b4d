"""Results on stdout: a picture for people, or JSON or YAML for machines."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import threading
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, TypeVar

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
        _show(picture(printable_data(result)))
    else:
        write_plain(plain(result), form)


def _show(picture: RenderableType) -> None:
    if isinstance(picture, str):
        sys.stdout.write(f"{picture}\n")
        sys.stdout.flush()
    else:
        from ducklake_registry.display.terminal import stdout

        stdout().print(picture)


def write_json_lines(values: Iterable[Any]) -> None:
    """Write plain data to stdout, each value as a line of JSON, seen by its reader within a moment."""
    with _FlushedBeside() as lines:
        for value in values:
            lines.write(_json(value))
    sys.stdout.flush()


class _FlushedBeside:
    """stdout, flushed by a thread beside whoever writes to it: the next value may be long in coming."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._flush, name="flush", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def write(self, text: str) -> None:
        with self._lock:
            if self._failure:
                raise self._failure
            sys.stdout.write(text)

    def _flush(self) -> None:
        while not self._ended.wait(_FLUSH_SECONDS):
            try:
                with self._lock:
                    sys.stdout.flush()
            except OSError as error:  # nobody reads any more, which is the writer's to know
                self._failure = error
                return


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
