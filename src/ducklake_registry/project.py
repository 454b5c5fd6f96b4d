"""What a project runs: the table `[environment]` of its settings, with the images that it builds."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ducklake_registry.errors import UsageError
from ducklake_registry.oci import Platform
from ducklake_registry.reference import Repository
from ducklake_registry.settings import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import TypeVar

    from ducklake_registry.settings import ProjectFile

    T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Build:
    """An image that the project builds: a table `[[environment.build]]`.

    The values of `build_args` may be secrets: they are not shown.
    """

    image: Repository
    context: Path
    file: Path
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[Platform, ...] = ()
    pull: bool = False
    no_cache: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """What runs beside the registry: manifests, files or folders in the order to apply them, and their images.

    `prod_manifests` are those of production, where they are not the same. `source` is the file that says so; paths
    in it are relative to its folder.
    """

    source: Path
    manifests: tuple[Path, ...] = ()
    builds: tuple[Build, ...] = ()
    prod_manifests: tuple[Path, ...] = ()

    def in_production(self) -> Environment:
        """Return what runs in production."""
        return replace(self, manifests=self.prod_manifests or self.manifests)

    def title(self, manifests: Path) -> str:
        """Return how manifests are named to a person: as the file names them."""
        folder = self.source.parent
        return str(manifests.relative_to(folder) if manifests.is_relative_to(folder) else manifests)

    def build(self, image: str | None) -> Build | None:
        """Return how an image is built, if that is listed; without a name, the only one.

        Raises UsageError where there are several and nobody says which.
        """
        if image is not None:
            return next((each for each in self.builds if each.image == image), None)
        if len(self.builds) > 1:
            names = ", ".join(each.image for each in self.builds)
            raise UsageError(f"{self.source} lists several images", f"name one of them with --image: {names}")
        return next(iter(self.builds), None)


def read_environment(project: ProjectFile) -> Environment | None:
    """Return what the project's `[environment]` says; None where it has none.

    Raises UsageError that names the file and the key for a value of the wrong kind, a key that means nothing, and
    a file or folder that is not there.
    """
    if project.path is None or ENVIRONMENT not in project.values:
        return None
    table = _Table(project.path, ENVIRONMENT, project.values[ENVIRONMENT])
    manifests, prod_manifests = map(table.existing, ("manifests", "prod_manifests"))
    builds = tuple(_build(each) for each in table.tables("build"))
    table.end()
    if twice := [each.image for each in builds if sum(other.image == each.image for other in builds) > 1]:
        raise table.wrong("build", f"lists {twice[0]} twice")
    if not manifests and not builds:
        raise UsageError(f"{project.path}: [{ENVIRONMENT}] lists neither manifests nor build")
    return Environment(project.path, manifests, builds, prod_manifests)


def _build(table: _Table) -> Build:
    image = table.parsed("image", table.text("image", required=True), Repository)
    table = table.called(image)
    context = table.path("context", table.text("context") or ".", _is_folder)
    file = table.text("file")
    build = Build(
        image=image,
        context=context,
        file=table.path("file", file, _is_file) if file else context / "Dockerfile",
        target=table.text("target") or None,
        build_args=table.mapping("build_args"),
        labels=table.mapping("labels"),
        platforms=tuple(table.parsed("platform", each, Platform.parse) for each in table.texts("platform")),
        pull=table.flag("pull"),
        no_cache=table.flag("no_cache"),
    )
    table.end()
    if not build.file.is_file():
        raise table.wrong("context", f"has no Dockerfile in it: {build.context}")
    return build


class _Table:
    """A table of the settings, read key by key, each by the type that it must have; then `end` finds the rest."""

    def __init__(self, source: Path, name: str, values: Any, called: str = "") -> None:
        if not isinstance(values, dict):
            raise UsageError(f"{source}: {name} is no table", f"write it under [{name}]")
        self._source, self._name, self._called = source, name, called
        self._values = {str(key).replace("-", "_"): value for key, value in values.items()}
        self._known: list[str] = []

    def called(self, name: str) -> _Table:
        """Name the table in errors by what it is about."""
        self._called = name
        return self

    def text(self, key: str, *, required: bool = False) -> str:
        """Read a text; "" where it is missing and need not be there."""
        value = self._value(key, str, "is no text: put it in quotes")
        if not value and (required or value is not None):
            raise self.wrong(key, "is empty" if value is not None else "is missing")
        return value or ""

    def texts(self, key: str) -> list[str]:
        """Read texts; one alone stands for a list of one."""
        problem = "is no list of texts"
        value = self._value(key, (str, list), problem)
        found = [value] if isinstance(value, str) else value or []
        if not all(isinstance(each, str) and each for each in found):
            raise self.wrong(key, problem)
        return found

    def flag(self, key: str) -> bool:
        """Read true or false; false where it is missing."""
        return bool(self._value(key, bool, "is neither true nor false"))

    def mapping(self, key: str) -> dict[str, str]:
        """Read a table of texts."""
        value = self._value(key, dict, 'is no table, like { NAME = "value" }') or {}
        if wrong := [name for name, each in value.items() if not isinstance(each, str)]:
            raise self.wrong(f"{key}.{wrong[0]}", "is no text: put it in quotes")
        return dict(value)

    def tables(self, key: str) -> list[_Table]:
        """Read a list of tables."""
        name = f"{self._name}.{key}"
        found = self._value(key, list, f"is no list of tables: write each under [[{name}]]") or []
        return [_Table(self._source, name, each, f"number {n}") for n, each in enumerate(found, 1)]

    def existing(self, key: str) -> tuple[Path, ...]:
        """Read the names of files and folders."""
        return tuple(self.path(key, each, _exists) for each in self.texts(key))

    def path(self, key: str, text: str, problem: Callable[[Path], str]) -> Path:
        """Read the name of a file or folder, relative to that of the settings; `problem` tells what is wrong."""
        found = self._source.parent / text
        if said := problem(found):
            raise self.wrong(key, f"names {said}: {found}")
        return found

    def parsed(self, key: str, text: str, parse: Callable[[str], T]) -> T:
        """Read a text by its grammar."""
        try:
            return parse(text)
        except UsageError as error:
            raise UsageError(f"{self._where(key)}: {error.message}", error.hint) from error

    def end(self) -> None:
        """Raise UsageError for what nobody has asked for."""
        for unknown in self._values.keys() - set(self._known):
            near = difflib.get_close_matches(unknown, self._known, 1)
            known = ", ".join(self._known)
            raise UsageError(
                f"{self._where(unknown)}: there is no such key",
                f"did you mean {near[0]}?" if near else f"those that there are: {known}",
            )

    def wrong(self, key: str, problem: str) -> UsageError:
        """Return the error about a key's value."""
        return UsageError(f"{self._where(key)} {problem}")

    def _value(self, key: str, kind: Any, problem: str) -> Any:
        self._known.append(key)
        value = self._values.get(key)
        if value is not None and not isinstance(value, kind):
            raise self.wrong(key, problem)
        return value

    def _where(self, key: str) -> str:
        about = f" of {self._called}" if self._called else ""
        return f"{self._source}: {self._name}.{key}{about}"


def _exists(path: Path) -> str:
    return "" if path.exists() else "nothing that is there"


def _is_folder(path: Path) -> str:
    return "" if path.is_dir() else "no folder"


def _is_file(path: Path) -> str:
    return "" if path.is_file() else "no file"
