"""What is sent to the engine to build from: a folder without what its `.dockerignore` names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ducklake_registry.errors import UsageError

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
        """Return the paths of all files and folders to send."""
        from docker.utils import exclude_paths

        return sorted(exclude_paths(str(self.folder.resolve()), self._ignored(), self.dockerfile_name))

    def newest(self) -> datetime:
        """Return when anything to be sent was last changed; git's own files change when it is only asked."""
        paths = (self.folder / each for each in self.files() if Path(each).parts[0] != ".git")
        times = [path.lstat().st_mtime for path in paths if path.is_symlink() or path.exists()]
        return datetime.fromtimestamp(int(max(times, default=0)), UTC)

    def write(self, archive: IO[bytes]) -> None:
        """Write a tar of the files. Raises UsageError for one that cannot be read."""
        from docker.utils.build import create_archive

        try:
            root = str(self.folder.resolve())
            create_archive(root, files=self.files(), fileobj=archive, extra_files=self._foreign())
        except OSError as error:
            reason = f"{error}: {error.__cause__.strerror}" if isinstance(error.__cause__, OSError) else str(error)
            raise UsageError(
                f"the context cannot be read: {reason}", "leave it out with a line in .dockerignore"
            ) from error

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
