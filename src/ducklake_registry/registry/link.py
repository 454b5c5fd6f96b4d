"""Read `Link`: where the next page of a list is.

Source: RFC 8288, section 3; "Listing Tags" of the OCI distribution specification 1.1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TARGET = re.compile(r"[\s,]*<([^>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([^\s=;,]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')


def next_link(fields: Iterable[str]) -> str | None:
    """Return the target of the first link whose relation is `next`, as it was written."""
    for text in fields:
        position = 0
        while target := _TARGET.match(text, position):
            relations, position = _relations(text, target.end())
            if "next" in relations:
                return target[1].strip()
    return None


def _relations(text: str, position: int) -> tuple[list[str], int]:
    """Read a link's parameters; the first `rel` counts, and it may name several relations."""
    relations: list[str] | None = None
    while parameter := _PARAMETER.match(text, position):
        position = parameter.end()
        if parameter[1].lower() == "rel" and relations is None:
            relations = (parameter[2] or "").strip('"').lower().split()
    return relations or [], position
