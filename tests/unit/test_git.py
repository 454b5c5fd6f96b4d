"""What git says of a checkout, with the real git."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.git import NoCheckout, public_url, read_checkout

if TYPE_CHECKING:
    from pathlib import Path

WHEN = "2024-05-06T07:08:09+00:00"


def git(folder: Path, *words: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a"}
    identity |= {"GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": WHEN, "GIT_AUTHOR_DATE": WHEN}
    return subprocess.run(
        ["git", "-C", str(folder), *words], env=os.environ | identity, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    return tmp_path


def test_a_clean_commit(checkout: Path) -> None:
    found = read_checkout(checkout)
    assert found.revision == git(checkout, "rev-parse", "HEAD")
    assert found.tag == git(checkout, "rev-parse", "--short", "HEAD")
    assert found.committed == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert (found.dirty, found.source) == (False, "")


def test_the_highest_version_on_a_commit_is_its_tag(checkout: Path) -> None:
    for tag in ("v1.9.0", "v1.10.0", "release/2.0"):  # the last is no tag of an image
        git(checkout, "tag", tag)
    assert read_checkout(checkout).tag == "v1.10.0"


def test_a_tag_of_an_earlier_commit_is_not_ours(checkout: Path) -> None:
    git(checkout, "tag", "v1")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "two")
    assert read_checkout(checkout).tag == git(checkout, "rev-parse", "--short", "HEAD")


@pytest.mark.parametrize("change", ["changed", "unknown", "staged"])
def test_what_differs_from_the_commit_is_dirty(checkout: Path, change: str) -> None:
    (checkout / ("new" if change == "unknown" else "Dockerfile")).write_text("FROM other\n")
    if change == "staged":
        git(checkout, "add", ".")
    git(checkout, "tag", "v1")
    assert read_checkout(checkout).tag == "v1-dirty"


def test_ignored_files_are_not_dirt(checkout: Path) -> None:
    (checkout / ".git" / "info" / "exclude").write_text("cache\n")
    (checkout / "cache").write_text("")
    assert not read_checkout(checkout).dirty


def test_a_folder_in_a_checkout_is_of_it(checkout: Path) -> None:
    (below := checkout / "below").mkdir()
    assert read_checkout(below).revision == read_checkout(checkout).revision


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NoCheckout, match="not a git repository"):
        read_checkout(tmp_path)


def test_a_repository_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(NoCheckout, match="does not have any commits"):
        read_checkout(tmp_path)


def test_no_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    with pytest.raises(NoCheckout, match="`git` is not installed"):
        read_checkout(checkout)


def test_the_source_is_where_it_was_cloned_from(checkout: Path) -> None:
    git(checkout, "remote", "add", "origin", "https://me:secret@example.org/team/app.git")
    assert read_checkout(checkout).source == "https://example.org/team/app"


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/team/app.git", "https://github.com/team/app"),
        ("https://token@github.com/team/app", "https://github.com/team/app"),
        ("https://example.org:8443/team/app.git?key=secret", "https://example.org:8443/team/app"),
        ("git@github.com:team/app.git", "https://github.com/team/app"),
        ("github.com:team/app.git", "https://github.com/team/app"),
        ("ssh://git@example.org:2222/team/app.git", "https://example.org/team/app"),
        ("/srv/git/app.git", ""),
        ("file:///srv/git/app.git", ""),
        ("../app", ""),
        ("", ""),
    ],
)
def test_a_public_url_names_nobody(remote: str, url: str) -> None:
    assert public_url(remote) == url
