"""Read `WWW-Authenticate`: the challenges that a server answers 401 with.

Source: RFC 9110, sections 5.6 and 11.6.1. One field may carry several challenges, divided by the same comma
that divides the parameters of each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PARAMETER = re.compile(rf"({_TOKEN})[ \t]*=[ \t]*({_QUOTED}|{_TOKEN})", re.DOTALL)
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]+|(?=,)|$)")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")
_SEPARATOR = re.compile(r"[ \t,]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate: its scheme and the names of its parameters in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """What is protected; of the scheme `bearer` the URL that gives tokens."""
        return self.parameters.get("realm", "")


def parse_challenges(fields: Iterable[str]) -> list[Challenge]:
    """Read every challenge in the fields; what cannot be read ends its field."""
    return [challenge for text in fields for challenge in _challenges(text)]


def _challenges(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = _skip_separators(text, 0)
    while match := _SCHEME.match(text, position):
        position = match.end()
        parameters: dict[str, str] = {}
        if token68 := _TOKEN68.match(text, position):
            position = token68.end()
        while parameter := _PARAMETER.match(text, _skip_separators(text, position)):
            parameters.setdefault(parameter[1].lower(), _unquote(parameter[2]))
            position = parameter.end()
        found.append(Challenge(match[1].lower(), parameters))
        position = _skip_separators(text, position)
    return found


def _skip_separators(text: str, position: int) -> int:
    match = _SEPARATOR.match(text, position)
    return match.end() if match else position


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value.startswith('"') else value
