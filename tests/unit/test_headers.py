"""Challenges, links and Retry-After: what headers say, however they are written."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ducklake_registry.registry.challenge import Challenge, parse_challenges
from ducklake_registry.registry.link import next_link
from ducklake_registry.registry.retry import Retry, parse_retry_after

tokens = st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
parameters = st.dictionaries(tokens.map(str.lower), values, max_size=4)
challenges = st.builds(Challenge, tokens.map(str.lower), parameters)
targets = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<>"), max_size=30)


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def written(challenge: Challenge) -> str:
    return f"{challenge.scheme} " + ", ".join(
        f"{name}={quoted(text)}" for name, text in challenge.parameters.items()
    )


@given(st.lists(challenges, min_size=1, max_size=4), st.sampled_from([", ", ",", " , ,"]))
def test_challenges_that_were_written_are_read(expected: list[Challenge], separator: str) -> None:
    assert parse_challenges([separator.join(map(written, expected))]) == expected
    assert parse_challenges(map(written, expected)) == expected


@given(st.lists(st.text(), max_size=3))
def test_any_text_is_read_as_some_challenges(fields: list[str]) -> None:
    for challenge in parse_challenges(fields):
        assert challenge.scheme


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Basic", [Challenge("basic")]),
        ("Negotiate, Basic realm=x", [Challenge("negotiate"), Challenge("basic", {"realm": "x"})]),
        ("Negotiate abc==, Basic realm=x", [Challenge("negotiate"), Challenge("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://auth.test/token",service="r",scope="repository:a/b:pull,push"',
            [
                Challenge(
                    "bearer",
                    {"realm": "https://auth.test/token", "service": "r", "scope": "repository:a/b:pull,push"},
                )
            ],
        ),
        ('Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
         [Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
          Challenge("basic", {"realm": "simple"})]),
    ],
)  # fmt: skip
def test_challenges_as_servers_write_them(text: str, expected: list[Challenge]) -> None:
    assert parse_challenges([text]) == expected


@given(targets, st.sampled_from(["next", '"next"', '"prev next"', "Next"]), st.booleans())
def test_the_next_link_is_found_among_others(target: str, relation: str, later: bool) -> None:
    link = f"<{target}>; title*=utf-8''a; rel={relation}"
    others = '</first>; rel="first one"; title="a, b; c"'
    text = f"{others}, {link}" if later else f"{link}, {others}"

    assert next_link([text]) == target


@given(st.text())
def test_any_text_has_a_next_link_or_none(text: str) -> None:
    assert next_link([text]) is None or "<" in text


@pytest.mark.parametrize(
    "text", ["", "</a>", "</a>; rel=prev", '</a>; rel="nextpage"', "/a; rel=next", "</a>; rel=x; rel=next"]
)
def test_no_next_link(text: str) -> None:
    assert next_link([text]) is None


def test_hostile_headers_take_no_time() -> None:
    start = time.perf_counter()

    for text in ('<a>;a="' * 9000, "a=" * 30000, "," * 60000, 'Bearer a="\\' * 9000, "<" * 60000):
        next_link([text])
        parse_challenges([text])

    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("120", 120), (" 7 ", 7), ("soon", None), ("-5", None), ("", None)]
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds


def test_retry_after_as_a_date() -> None:
    soon = parse_retry_after(formatdate(time.time() + 60, usegmt=True))

    assert soon is not None
    assert 55 < soon <= 60
    assert parse_retry_after(formatdate(0, usegmt=True)) == 0


@given(st.integers(1, 40))
def test_pauses_double_up_to_the_longest(attempt: int) -> None:
    retry = Retry(first_pause=0.1, longest_pause=10)
    longest = min(0.1 * 2 ** (attempt - 1), 10)

    assert longest / 2 <= retry.pause(attempt) <= longest
    assert retry.pause(attempt, "3") == 3
