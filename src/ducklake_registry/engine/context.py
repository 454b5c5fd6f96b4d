"""What is sent to the engine to build from: a folder without what its `.dockerignore` names."""

from __future__ import annotations

import contextlib
import io
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_PIECE = 1 << 20
_FOREIGN_DOCKERFILE = ".dlr.Dockerfile"
"""Its name in the context where it comes from elsewhere; always the same, for the sake of the build's cache."""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """A folder and the Dockerfile to build it with, which may be outside."""

    folder: Path
    dockerfile: Path

    @classmethod
    def of(cls, folder: Path, dockerfile: Path | None = None) -> BuildContext:
        """Find the Dockerfile: the one that is named, else the folder's own. Raises UsageError."""
        if not folder.is_dir():
            what = "no folder" if folder.exists() else "nothing there"
            raise UsageError(f"cannot build {folder}: {what}", "dlr build-and-push FOLDER")
        found = dockerfile or folder / "Dockerfile"
        if not found.is_file():
            raise UsageError(f"there is no {found}", "name the Dockerfile: --file FILE")
        return cls(folder, found)

    @property
    def dockerfile_name(self) -> str:
        """The Dockerfile's path within the context."""
        folder, file = self.folder.resolve(), self.dockerfile.resolve()
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else _FOREIGN_DOCKERFILE

    def files(self) -> list[str]:
        """Return the paths of all files and folders to send. Raises UsageError for what cannot be read."""
        from docker.utils import exclude_paths

        with _read():
            return sorted(exclude_paths(str(self.folder.resolve()), self._ignored(), self.dockerfile_name))

    def newest(self) -> datetime:
        """Return when anything to be sent was last changed; git's own files change when it is only asked.

        Raises UsageError for what cannot be read.
        """
        times = [0.0]
        for path in (self.folder / each for each in self.files() if Path(each).parts[0] != ".git"):
            with _read(), contextlib.suppress(FileNotFoundError):
                times.append(path.lstat().st_mtime)
        return datetime.fromtimestamp(int(max(times)), UTC)

    def stream(self) -> Generator[bytes, None, None]:
        """Yield a tar of the files while it is made, piece by piece: a context may be larger than the disk's rest.

        Raises UsageError for a file that cannot be read.
        """
        reading, writing = os.pipe()
        with ThreadPoolExecutor(1, thread_name_prefix="context") as pool, io.FileIO(reading) as archive:
            written = pool.submit(self._write, writing)
            while piece := archive.read(_PIECE):
                yield piece
            written.result()

    def _write(self, pipe: int) -> None:
        from docker.utils.build import create_archive

        with _read(), _Pipe(pipe, "wb") as archive:
            root = str(self.folder.resolve())
            create_archive(root, files=self.files(), fileobj=archive, extra_files=self._foreign())

    def _ignored(self) -> list[str]:
        """Return the patterns of what to leave out; like BuildKit, those beside the Dockerfile come first."""
        own = self.dockerfile.with_name(f"{self.dockerfile.name}.dockerignore")
        path = own if own.is_file() else self.folder / ".dockerignore"
        if not path.is_file():
            return []
        lines = (line.strip() for line in path.read_text("utf-8-sig").splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def _foreign(self) -> list[tuple[str, str]]:
        if self.dockerfile_name != _FOREIGN_DOCKERFILE:
            return []
        return [(_FOREIGN_DOCKERFILE, self.dockerfile.read_text("utf-8"))]


@contextlib.contextmanager
def _read() -> Iterator[None]:
    """Raise what cannot be read of a context as UsageError: a file, a folder, or a line of .dockerignore."""
    try:
        yield
    except (OSError, UnicodeDecodeError, re.error) as error:
        cause = error.__cause__
        reason = f"{error}: {getattr(cause, 'strerror', None) or cause}" if cause else str(error)
        raise UsageError(
            f"the context cannot be read: {reason}", "leave it out with a line in .dockerignore"
        ) from error


class _Pipe(io.FileIO):
    """The end of a pipe that an archive is written to; that asks where it begins, and goes back there."""

    def write(self, data: bytes) -> int:  # type: ignore[override]  # nothing else comes from a tarfile
        """Write all of it: a pipe may take a part only, which an archive does not look at."""
        rest = memoryview(data)
        while rest:
            rest = rest[super().write(rest) :]
        return len(data)

    def tell(self) -> int:
        return 0

    def seek(self, _offset: int, _whence: int = 0) -> int:
        return 0
