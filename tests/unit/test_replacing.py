"""A file that takes another's place, or leaves no trace."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.replacing import FOR_ME, Replacement

if TYPE_CHECKING:
    from pathlib import Path


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_old_content_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    (file := tmp_path / "file").write_text("old")
    file.chmod(0o640)
    with Replacement.of(file) as new:
        assert file.read_text() == "old"
        new.keep(b"new")
        assert file.read_text() == "new"
    assert rights(file) == 0o640
    assert [*tmp_path.iterdir()] == [file]


def test_what_is_not_kept_leaves_no_trace(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Replacement.of(tmp_path / "file"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [*tmp_path.iterdir()] == []


def test_a_new_file_has_the_rights_that_were_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with Replacement.of(tmp_path / "for-all") as new, Replacement.of(tmp_path / "for-me", FOR_ME) as mine:
            new.keep(b"")
            mine.keep(b"")
    finally:
        os.umask(before)
    assert (rights(tmp_path / "for-all"), rights(tmp_path / "for-me")) == (0o644, 0o600)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with Replacement.of(tmp_path / "link") as new:
        new.keep(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with Replacement.of(pipe) as new:
        new.keep(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


def test_where_nothing_can_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Replacement.of(tmp_path / "no" / "file")
    with pytest.raises(IsADirectoryError):
        Replacement.of(tmp_path)
