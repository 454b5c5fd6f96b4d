"""What earlier lists have found, kept on disk: details by digest, and the digests that tags had.

A digest's details never change, so they are as good as asked anew. A tag's digest is only a question to ask:
"is it still this one?". The file is a cache and nothing else: one that is broken, or cannot be written, is
begun anew or done without.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ducklake_registry.reference import Digest, Repository, Tag
from ducklake_registry.registry import Details, Known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

Key = TypeVar("Key", bound=str)
Value = TypeVar("Value")

# What is kept, or how, changes with the number.
_FILE = "images-1.sqlite"
_LOCK_SECONDS = 2.0
# Half a kilobyte each: 100 MB at the most.
_MOST_ROWS = 200_000


class ImageCache:
    """The file, open while the block lasts; `known` gives what is in it to a list of one registry.

    Several programs may use it at once. What was learnt is written at the end of the block.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._connection: sqlite3.Connection | None = None
        self._tables: list[_Table[Any, Any]] = []

    def __enter__(self) -> Self:
        # Names of images may be nobody else's business.
        with contextlib.suppress(OSError, sqlite3.Error):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=_LOCK_SECONDS, isolation_level=None)
            # Losing power may cost the cache, and nothing else.
            self._connection.execute("PRAGMA synchronous = OFF")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is None:
            return
        broken = False
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for table in self._tables:
                table.write()
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError:
            pass  # another one is writing, or the disk is full: what is there stays good
        except sqlite3.DatabaseError:
            broken = True
        self._connection.close()
        if broken:
            self._path.unlink(missing_ok=True)

    def known(self, registry: str, *, fixed_tags: bool = False) -> Known:
        """Return what is known of a registry (`HOST[:PORT]`)."""
        if self._connection is None:
            return Known(fixed_tags=fixed_tags)
        details: _Table[Digest, Details] = _Table(self._connection, "details", "", _packed, _unpacked)
        tags: _Table[Repository, Mapping[Tag, Digest]] = _Table(
            self._connection, "tags", f"{registry}/", dict, _unpacked_tags
        )
        self._tables += [details, tags]
        return Known(details, tags, fixed_tags)


class _Table(Generic[Key, Value]):
    """A table of texts with their check sums, seen as values by key."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        prefix: str,
        pack: Callable[[Value], object],
        unpack: Callable[[Any], Value],
    ) -> None:
        self._connection, self._name, self._prefix = connection, name, prefix
        self._pack, self._unpack = pack, unpack
        self._found: dict[Key, Value] = {}
        self._new: dict[Key, Value] = {}
        self._readable = True
        self._select = f"SELECT content, sum FROM {name} WHERE key = ?"  # noqa: S608 - a name of ours

    def get(self, key: Key, /) -> Value | None:
        if key not in self._found and self._readable and (value := self._read(key)) is not None:
            self._found[key] = value
        return self._found.get(key)

    def __setitem__(self, key: Key, value: Value, /) -> None:
        if self.get(key) != value:
            self._found[key] = self._new[key] = value

    def write(self) -> None:
        """Write what is new, and drop what is oldest where there is too much. Raises sqlite3.Error."""
        name = self._name
        self._connection.execute(
            f"CREATE TABLE IF NOT EXISTS {name} (key TEXT PRIMARY KEY, content TEXT, sum INT)"
        )
        rows = [self._row(key, value) for key, value in self._new.items()]
        self._connection.executemany(f"INSERT OR REPLACE INTO {name} VALUES (?, ?, ?)", rows)  # noqa: S608
        oldest = f"(SELECT max(rowid) FROM {name}) - {_MOST_ROWS}"  # noqa: S608
        self._connection.execute(f"DELETE FROM {name} WHERE rowid <= {oldest}")  # noqa: S608

    def _read(self, key: Key) -> Value | None:
        try:
            row = self._connection.execute(self._select, (self._prefix + key,)).fetchone()
        except sqlite3.Error:
            # There is no such table yet, or the file is broken, which writing will find too.
            self._readable = False
            return None
        if row is None or not isinstance(row[0], str) or row[1] != _sum(self._prefix + key, row[0]):
            return None
        return self._unpack(json.loads(row[0]))

    def _row(self, key: Key, value: Value) -> tuple[str, str, int]:
        content = json.dumps(self._pack(value), separators=(",", ":"))
        return self._prefix + key, content, _sum(self._prefix + key, content)


def _sum(key: str, content: str) -> int:
    return zlib.crc32(f"{key} {content}".encode())


def _packed(details: Details) -> object:
    return [details.media_type, details.platforms, details.created, dict(details.stored)]


def _unpacked(fields: Any) -> Details:
    media_type, platforms, created, stored = fields
    return Details(media_type, tuple(platforms), created, {_digest(each): size for each, size in stored.items()})


def _unpacked_tags(fields: Any) -> dict[Tag, Digest]:
    return {str.__new__(Tag, tag): _digest(digest) for tag, digest in fields.items()}


def _digest(text: str) -> Digest:
    """Take a digest as it is: it was checked before it was kept, and the sum tells that it still is the same."""
    return str.__new__(Digest, text)
