"""Text from elsewhere is shown and not obeyed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ducklake_registry.errors import DlrError
from ducklake_registry.printable import one_line, printable, printable_data
from ducklake_registry.reference import Tag


@given(st.text(st.characters()))
def test_no_stream_and_no_terminal_minds_it(text: str) -> None:
    shown = printable(text)

    shown.encode()
    assert not [sign for sign in shown if unicodedata.category(sign) == "Cc" and sign not in "\n\t"]
    assert printable(shown) == shown
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_what_is_printable_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("half \ud800", r"half \ud800"),
        ("turned \u202e", r"turned \u202e"),
        ("a\r\n  b\tc", "a b c"),
        ("schön 中 ✓", "schön 中 ✓"),
    ],
)
def test_in_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    tag: Tag
    within: tuple[dict[str, list[str]], ...] = ()


def test_data_is_changed_however_deep_and_nothing_else() -> None:
    plain = Result("a\nb", Tag("v1"), ({"k": ["x"]},))
    odd = Result("\x07", Tag("v1"), ({"\x08": ["\x1b"]},))

    assert printable_data(plain) is plain
    assert printable_data(odd) == Result(r"\x07", Tag("v1"), ({r"\x08": [r"\x1b"]},))
    assert type(printable_data(odd).tag) is Tag


def test_an_error_is_one_line_with_one_hint() -> None:
    error = DlrError("no\nway \x1b[2J", "try\nthis", ("a\r\n", "\x07"))

    assert (error.message, error.hint, error.details) == (r"no way \x1b[2J", "try this", ("a", r"\x07"))
    assert str(error) == error.message
