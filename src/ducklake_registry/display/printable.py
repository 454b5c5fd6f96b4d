"""Text of others in documents of ours: a registry may have answered anything."""

from __future__ import annotations

# They turn the direction of reading, and so make a text look like another (Unicode's UAX 9).
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Leave out what XML and HTML cannot carry, and what makes text look like another text."""
    return "".join(each for each in text if _is_fine(each))


def _is_fine(character: str) -> bool:
    if character in "\t\n\r":
        return True
    known = " " <= character <= "~" or "\xa0" <= character <= "\ud7ff" or "\ue000" <= character <= "\ufffd"
    return (known and character not in _DIRECTIONS) or character > "\uffff"
