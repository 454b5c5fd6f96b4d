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
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ducklake_registry.reference import Digest, Repository, Tag
from ducklake_registry.registry import Details, Known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

Key = TypeVar("Key", bound=str)
Value = TypeVar("Value")

# What is kept, or how, changes with the number.
_FILE = "images-1.sqlite"
_LOCK_SECONDS = 2.0
# Half a kilobyte each: 100 MB at the most.
_MOST_ROWS = 200_000
# SQLite takes 999 parameters, or more where it is newer.
_MOST_AT_ONCE = 500


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
        tags = _Tags(self._connection, registry, details)
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

    def get(self, key: Key, /) -> Value | None:
        if key not in self._found:
            self.fetch([key])
        return self._found.get(key)

    def fetch(self, keys: Iterable[Key]) -> None:
        """Read several values: a few hundred at once take hardly longer than one."""
        missing = [key for key in keys if key not in self._found]
        for start in range(0, len(missing) if self._readable else 0, _MOST_AT_ONCE):
            self._read({self._prefix + key: key for key in missing[start : start + _MOST_AT_ONCE]})

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

    def _read(self, keys: Mapping[str, Key]) -> None:
        places = ",".join("?" * len(keys))
        select = f"SELECT key, content, sum FROM {self._name} WHERE key IN ({places})"  # noqa: S608
        try:
            rows = self._connection.execute(select, [*keys]).fetchall()
        except sqlite3.Error:
            # There is no such table yet, or the file is broken, which writing will find too.
            self._readable = False
            return
        whole = {
            keys[key]: content
            for key, content, found_sum in rows
            if isinstance(content, str) and found_sum == _sum(key, content)
        }
        self._found.update(zip(whole, map(self._unpack, json.loads(f"[{','.join(whole.values())}]")), strict=True))

    def _row(self, key: Key, value: Value) -> tuple[str, str, int]:
        content = json.dumps(self._pack(value), separators=(",", ":"))
        return self._prefix + key, content, _sum(self._prefix + key, content)


class _Tags(_Table[Repository, "Mapping[Tag, Digest]"]):
    """The digests that tags had, by repository; whoever asks for them will ask for their details."""

    def __init__(self, connection: sqlite3.Connection, registry: str, details: _Table[Digest, Details]) -> None:
        super().__init__(connection, "tags", f"{registry}/", dict, _unpacked_tags)
        self._details = details

    def get(self, key: Repository, /) -> Mapping[Tag, Digest] | None:
        found = super().get(key)
        self._details.fetch(set((found or {}).values()))
        return found


def _sum(key: str, content: str) -> int:
    return zlib.crc32(f"{key} {content}".encode())


def _packed(details: Details) -> object:
    return [details.media_type, details.platforms, details.created, dict(details.stored)]


def _unpacked(fields: Any) -> Details:
    media_type, platforms, created, stored = fields
    return Details(media_type, tuple(platforms), created, {_digest(each): size for each, size in stored.items()})


def _unpacked_tags(fields: Any) -> dict[Tag, Digest]:
    return {str.__new__(Tag, tag): _digest(digest) for tag, digest in fields.items()}


# Taken as it is: it was checked before it was kept, and the sum tells that it still is the same.
_digest: Callable[[str], Digest] = partial(str.__new__, Digest)
