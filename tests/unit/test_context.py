"""What is sent to the engine to build from, while it is made."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.engine import BuildContext
from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def writers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("context")]


def test_all_of_it_arrives(folder: Path) -> None:
    content = os.urandom(3 << 20)
    (folder / "large").write_bytes(content)
    (folder / "left-out").write_bytes(b"x")
    (folder / ".dockerignore").write_text("left-out\n")
    sent = b"".join(BuildContext.of(folder).stream())
    with tarfile.open(fileobj=io.BytesIO(sent)) as archive:
        assert archive.getnames() == [".dockerignore", "Dockerfile", "large"]
        found = archive.extractfile("large")
        assert found is not None
        assert found.read() == content


def test_who_stops_reading_leaves_nobody_writing(folder: Path) -> None:
    (folder / "large").write_bytes(bytes(3 << 20))
    stream = BuildContext.of(folder).stream()
    next(stream)
    assert writers()
    stream.close()
    assert not writers()


@pytest.mark.parametrize("ignored", [b"caf\xe9\n", b"[z-a]\n"])
def test_what_cannot_be_read(ignored: bytes, folder: Path) -> None:
    (folder / ".dockerignore").write_bytes(ignored)
    context = BuildContext.of(folder)
    with pytest.raises(UsageError, match="the context cannot be read"):
        context.newest()
    with pytest.raises(UsageError, match="the context cannot be read"):
        list(context.stream())


def test_a_file_that_shrinks_while_it_is_sent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "log").write_bytes(bytes(1 << 20))
    inspect = tarfile.TarFile.gettarinfo

    def then_shrink(self: tarfile.TarFile, name: str, arcname: str) -> tarfile.TarInfo:
        found = inspect(self, name, arcname)
        if found.name == "log":
            (folder / "log").write_bytes(b"")
        return found

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", then_shrink)
    with pytest.raises(UsageError, match="log: unexpected end of data"):
        list(BuildContext.of(folder).stream())
