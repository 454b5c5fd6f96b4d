"""Where a project's settings are found, and how durations are written."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ducklake_registry.errors import UsageError
from ducklake_registry.settings import find_project_file, parse_duration
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_there_may_be_no_file(tmp_path: Path) -> None:
    found = find_project_file(tmp_path)
    assert (found.path, found.values) == (None, {})


def test_the_nearest_file_wins(tmp_path: Path) -> None:
    (inner := tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "dlr.toml").write_text('registry = "outer:5000"\ntimeout = "1m"\n')
    (tmp_path / "a" / "dlr.toml").write_text('registry = "inner:5000"\n')
    found = find_project_file(inner)
    assert found.path == tmp_path / "a" / "dlr.toml"
    assert found.values == {"registry": "inner:5000"}, "files are not mixed"


def test_pyproject_counts_where_it_has_settings(tmp_path: Path) -> None:
    (inner := tmp_path / "package").mkdir()
    (inner / "pyproject.toml").write_text('[project]\nname = "other"\n')
    (tmp_path / "pyproject.toml").write_text('[tool.dlr]\nname = "team"\n')
    found = find_project_file(inner)
    assert (found.path, found.values) == (tmp_path / "pyproject.toml", {"name": "team"})


def test_dlr_toml_comes_before_pyproject(tmp_path: Path) -> None:
    (tmp_path / "dlr.toml").write_text('name = "one"\n')
    (tmp_path / "pyproject.toml").write_text('[tool.dlr]\nname = "other"\n')
    assert find_project_file(tmp_path).values == {"name": "one"}


def test_a_folder_above_that_may_not_be_searched_has_no_settings(tmp_path: Path) -> None:
    (closed := tmp_path / "closed").mkdir()
    (inner := closed / "project").mkdir()
    (closed / "dlr.toml").write_text('name = "unseen"\n')
    closed.chmod(0)
    with _not_root():
        assert find_project_file(inner).values == {}


@contextlib.contextmanager
def _not_root() -> Iterator[None]:
    """Be somebody else for a moment, if we are root, who may search every folder."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("content", [b"name = ", b"name = 1\nname = 2\n", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["dlr.toml", "pyproject.toml"])
def test_a_file_that_is_not_toml(name: str, content: bytes, tmp_path: Path) -> None:
    (path := tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match="is not TOML") as caught:
        find_project_file(tmp_path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    "content", ["tool = 1\n", "tool = []\n", "[tool]\ndlr = 1\n", "[[tool.dlr]]\nname = 'a'\n"]
)
def test_a_pyproject_whose_settings_are_no_table(content: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(UsageError, match=r"tool\.dlr"):
        find_project_file(tmp_path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (path := tmp_path / "dlr.toml").symlink_to("/proc/self/mem")  # not even root reads its beginning
    with pytest.raises(UsageError, match="cannot read") as caught:
        find_project_file(tmp_path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172800),
        ("250ms", 0.25),
        ("1m500ms", 60.5),
        ("1.5h", 5400),
        ("2.5", 2.5),
        ("45", 45),
        (45, 45),
        (0.5, 0.5),
    ],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0s",
        "-5",
        "-5s",
        "5x",
        "s",
        "5 m",
        "m5",
        "1h-30m",
        "five",
        "1e3",
        "inf",
        "nan",
        "5m\n",
        "True",
        "5M",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="is no duration") as caught:
        parse_duration(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["9" * 400, "9" * 400 + "d", "999999999999s"])
def test_what_no_clock_can_wait_for(text: str) -> None:
    with pytest.raises(UsageError, match="100 years"):
        parse_duration(text)


@given(st.integers(1, 50_000_000))
def test_a_spoken_duration_is_one_again(seconds: int) -> None:
    said = parse_duration(spoken_duration(seconds))
    # Two units are spoken: below a day that is at most a minute off, above it at most an hour.
    off = 0 if seconds < 3600 else 60 if seconds < 86400 else 3600
    assert 0 <= seconds - said <= off


@given(st.floats(0.1, 9.9))
def test_short_durations_are_spoken_to_a_tenth(seconds: float) -> None:
    assert parse_duration(spoken_duration(seconds)) == pytest.approx(seconds, abs=0.0501)


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [
        *[
            (0, "0s"),
            (0.04, "0s"),
            (0.44, "0.4s"),
            (2, "2s"),
            (9.99, "10s"),
            (12.4, "12s"),
            (59.6, "1m"),
            (300, "5m"),
        ],
        *[(5400, "1h30m"), (3661, "1h1m"), (273600, "3d4h"), (86400, "1d")],
    ],
)
def test_spoken_durations(seconds: float, spoken: str) -> None:
    assert spoken_duration(seconds) == spoken


@given(st.text(max_size=10))
def test_any_text_is_a_duration_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_duration(text) > 0
