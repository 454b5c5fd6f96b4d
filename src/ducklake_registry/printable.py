"""Text from elsewhere, made such that a terminal shows it and does not obey it.

A registry's answers, an image's labels and a pod's log may hold anything: sequences that move the cursor or set
the title, signs that turn the direction of reading (CVE-2021-42574), halves of characters that no stream takes,
and what no document in XML may hold.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, TypeVar

T = TypeVar("T")

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_ENDS_OF_LINES = re.compile("[ ]*[\t\n\r]+[ ]*")


def printable(text: str) -> str:
    """Return text with an escape for each sign that a terminal obeys; ends of lines and tabs stay."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Return printable text with spaces where lines ended."""
    return printable(_ENDS_OF_LINES.sub(" ", text.strip()))


def printable_data(value: T) -> T:
    """Return data whose plain texts, however deep within, are printable; what is so already stays the same."""
    made: T = _printable_data(value)
    return made


def _printable_data(value: Any) -> Any:
    if type(value) is str:  # those of more special types were checked when they were made
        return printable(value)
    if isinstance(value, dict):
        return {_printable_data(key): _printable_data(each) for key, each in value.items()}
    if type(value) in {list, tuple}:
        return type(value)(map(_printable_data, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        changed = {name: new for name, each in fields.items() if (new := _printable_data(each)) != each}
        return dataclasses.replace(value, **changed) if changed else value
    return value
