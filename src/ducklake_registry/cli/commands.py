"""Which commands there are and where. Each is loaded when it is asked for: most of a start is loading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer

_PLACES = {
    "Environment": {
        "deploy-kind": "environment",
        "destroy-kind": "environment",
        "status": "environment",
        "deploy-prod": "environment",
    },
    "Registry": {
        "deploy-registry": "registry",
        "clean-registry": "registry",
        "registry-status": "registry",
        "test-registry": "acceptance",
        "logs": "registry",
        "port-forward": "registry",
        "doctor": "doctor",
    },
    "Images": {
        "build-and-push": "images",
        "pull-from-registry": "images",
        "list-registry-images": "images",
        "inspect": "images",
        "delete-image": "images",
        "save": "transfer",
        "load": "transfer",
    },
    "Shell": {"completion": "shell"},
}
"""The modules of the commands, by the panels of the help that these are in and in the order to read them in."""


class LazyCommands(Mapping[str, Any]):
    """The commands by their names, each made when it is first asked for."""

    def __init__(self) -> None:
        self._places = {name: (panel, module) for panel, each in _PLACES.items() for name, module in each.items()}
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(name, *self._places[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _command(name: str, panel: str, module: str) -> Any:
    """Return the command that a function of this package is, with all its options."""
    from ducklake_registry.cli.connection import connected

    function = getattr(import_module(f"{__package__}.{module}"), name.replace("-", "_"))
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, rich_help_panel=panel)(connected(function))
    return typer.main.get_command(alone)
