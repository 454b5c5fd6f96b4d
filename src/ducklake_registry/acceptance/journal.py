"""`Journal`: what a run puts into a registry, noted on this machine before it does.

A run removes what it made. One whose network was cut, or that was killed, cannot: the next one on this machine
finds its notes, and removes what they name and nothing else. While a run is at work it holds the lock on its
notes (flock), which ends with it, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING

from ducklake_registry.errors import DlrError, NotFound, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient

_SUFFIX = ".jsonl"
_KEPT_SECONDS = 30 * 24 * 3600.0
"""How long notes are kept about what cannot be removed: by then the registry may be another one."""


class Kind(StrEnum):
    """What is in a registry: a blob and a manifest by their digests, and what somebody else pushes by its tag."""

    BLOB = "blob"
    MANIFEST = "manifest"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Trace:
    """Something that a run puts into a registry, and how it is removed again; of a manifest also its `tag`."""

    kind: Kind
    repository: str
    reference: str
    tag: str | None = None

    def __str__(self) -> str:
        return f"{self.repository}{':' if self.kind is Kind.TAG else '@'}{self.reference}"

    def remove(self, client: RegistryClient) -> None:
        """Remove it; raises NotFound where it is not there, and whatever else the client raises."""
        match self.kind:
            case Kind.BLOB:
                client.delete_blob(self.repository, self.reference)
            case Kind.MANIFEST:
                self._remove_manifest(client)
            case Kind.TAG:
                digest = client.head_manifest(self.repository, self.reference).digest
                client.delete_manifest(self.repository, digest)

    def _remove_manifest(self, client: RegistryClient) -> None:
        """Remove it with its tags, also one that was written after the manifest was removed and leads nowhere.

        distribution writes the manifest first and then its tag, also when nobody waits for that any more.
        """
        try:
            client.delete_manifest(self.repository, self.reference)
        except NotFound:
            if self.tag:
                with contextlib.suppress(NotFound, Unsupported):
                    client.delete_tag(self.repository, self.tag)
            raise


class Journal:
    """A run's notes about one registry. Where they cannot be written it is done without them."""

    def __init__(self, folder: Path | None, registry: str, run: str) -> None:
        self._folder = folder
        self._registry = registry
        self._run = run
        self._file: IO[str] | None = None

    def note(self, trace: Trace) -> None:
        """Write something down that is going to be put there."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            if self._file is None:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = (self._folder / f"{self._run}{_SUFFIX}").open("x", encoding="utf-8")
                fcntl.flock(self._file, fcntl.LOCK_EX)
            self._file.write(json.dumps({"registry": self._registry, **asdict(trace)}) + "\n")
            self._file.flush()

    def close(self, *, done: bool) -> None:
        """End the notes; they are kept unless all was removed."""
        if self._file is None or self._folder is None:
            return
        if done:
            (self._folder / f"{self._run}{_SUFFIX}").unlink(missing_ok=True)
        self._file.close()

    def clear(self, client: RegistryClient) -> list[str]:
        """Remove what runs that are over have left in the registry, and return its names.

        What it does not let go of stays noted.
        """
        removed: list[str] = []
        for path, traces in self._of_others():
            try:
                for trace in traces:
                    with contextlib.suppress(NotFound):
                        trace.remove(client)
                        removed.append(str(trace))
            except DlrError:
                break  # the checks will tell what is wrong with it
            path.unlink(missing_ok=True)
        return removed

    def _of_others(self) -> Iterator[tuple[Path, list[Trace]]]:
        """Give the notes about this registry of runs that are over, the last thing first; hold them meanwhile."""
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if self._folder else ():
            with contextlib.suppress(OSError), path.open(encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                    path.unlink()
                elif traces := list(self._read(file)):
                    yield path, traces[::-1]

    def _read(self, file: IO[str]) -> Iterator[Trace]:
        for line in file:
            # A machine that lost its power may have written half a line.
            with contextlib.suppress(ValueError, TypeError, LookupError):
                noted = json.loads(line)
                if noted.pop("registry") == self._registry:
                    yield Trace(Kind(noted.pop("kind")), **noted)
