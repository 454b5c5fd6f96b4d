"""A project's own settings: `dlr.toml`, or `[tool.dlr]` of its `pyproject.toml`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENVIRONMENT = "environment"
"""The table that is no option: what the project runs (`project.py` reads it)."""

HOST_PORT = 5000
"""The laptop's port that leads to the registry, where nobody says otherwise."""

DEFAULT_REGISTRY = f"localhost:{HOST_PORT}"
"""The registry where nobody says otherwise: the laptop's own."""

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_LONGEST = 36525 * 86400
"""100 years: what is longer, the system's clocks and waits do not take."""


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """The settings that a project keeps in a file; `path` is None where there is no such file."""

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def find_project_file(folder: Path) -> ProjectFile:
    """Return the settings that hold in `folder`: of the nearest file in it or above it.

    Raises UsageError for a file that cannot be read or is not TOML.
    """
    for each in (folder, *folder.parents):
        if _is_file(path := each / "dlr.toml"):
            return ProjectFile(path, _read(path))
        if _is_file(path := each / "pyproject.toml") and (found := _table(path)):
            return ProjectFile(path, found)
    return ProjectFile()


def parse_duration(value: str | float) -> float:
    """Return the seconds of a duration such as "90s", "5m", "1h30m" or "2.5" (seconds).

    Raises UsageError for what is no duration, or not above 0.
    """
    text = str(value)
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) == text and parts:
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    else:
        seconds = _plain_seconds(text)
    if seconds <= 0:
        raise UsageError(f"{text!r} is no duration above 0", hint='write it like "90s", "5m" or "1h30m"')
    if seconds > _LONGEST:
        raise UsageError(f"{text!r} is longer than 100 years")
    return seconds


def _is_file(path: Path) -> bool:
    """Tell whether a file is there; in a folder that the user may not search, none is."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def _plain_seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0


def _table(path: Path) -> dict[str, Any]:
    """Return the table [tool.dlr] of a pyproject.toml, empty where there is none."""
    table = _read(path)
    for key in ("tool", "dlr"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise UsageError(f"{path}: tool.dlr is no table", hint="write the settings under [tool.dlr]")
    return table


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # most folders have no such file

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
