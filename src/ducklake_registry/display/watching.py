"""Showing a report once, or again and again."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, NoReturn, TypeVar

from rich.live import Live

from ducklake_registry.display.output import OutputFormat, emit, plain
from ducklake_registry.display.terminal import stdout

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import DataclassInstance
    from rich.console import RenderableType

R = TypeVar("R", bound="DataclassInstance")

_PAUSE = 2.0
"""Seconds between two looks."""


def watch(look: Callable[[], R], form: OutputFormat, picture: Callable[[R], RenderableType]) -> NoReturn:
    """Show a report, and look again every two seconds, until Ctrl-C.

    On a screen a table is drawn in place; elsewhere each is written under the last: JSON as one line each, YAML
    as one document each.
    """
    if form is OutputFormat.TABLE and stdout().is_terminal:
        _redraw(look, picture)
    while True:
        result = look()
        if form is OutputFormat.JSON:
            sys.stdout.write(json.dumps(plain(result), ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            emit(result, form, picture)
            sys.stdout.write("---\n" if form is OutputFormat.YAML else "\n")
            sys.stdout.flush()
        time.sleep(_PAUSE)


def _redraw(look: Callable[[], R], picture: Callable[[R], RenderableType]) -> NoReturn:
    with Live(console=stdout(), auto_refresh=False) as screen:
        while True:
            screen.update(picture(look()), refresh=True)
            time.sleep(_PAUSE)
