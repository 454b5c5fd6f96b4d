"""Write docs/cli.md from what every command's --help says; with --check only tell whether it is so."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
WIDTH = 100

_HEAD = """# The command line

<!-- Written by scripts/docs.py from `--help`; `make docs` writes it anew, and a test checks it. -->

An option is taken from the command line, else from its environment variable, else from `dlr.toml` (or `[tool.dlr]`
of `pyproject.toml`) in the current folder or the nearest one above it. There it is called as its variable is, but
without `DLR_`: `DLR_HOST_PORT` is `host-port` or `host_port`. An option without a variable is said each time.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *sections()])


def sections() -> Iterator[str]:
    """Yield the help of `dlr` and of each command, under headings."""
    import typer

    from ducklake_registry.cli.main import app

    group: Any = typer.main.get_command(app)
    yield section("dlr", group)
    for name, command in group.commands.items():
        yield section(f"dlr {name}", command)


def section(words: str, command: Any) -> str:
    """Return one command's help as it is shown, under a heading."""
    context = command.make_context(words, [], resilient_parsing=True, terminal_width=WIDTH)
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    return "\n".join([f"## `{words}`", "", "```text", *lines, "```", ""])


def main(arguments: list[str]) -> int:
    """Write the page, or check it; return the exit code."""
    clean_surroundings()
    wanted, found = page(), PAGE.read_text("utf-8") if PAGE.exists() else ""
    if "--check" not in arguments:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(wanted, "utf-8")
        return 0
    difference = difflib.unified_diff(found.splitlines(), wanted.splitlines(), str(PAGE), "--help", lineterm="")
    for line in difference:
        print(line)
    if found != wanted:
        print("docs/cli.md is not what --help says: run `make docs`", file=sys.stderr)
    return int(found != wanted)


def clean_surroundings() -> None:
    """Forget what would change the help: the user's terminal, and variables that stand for options."""
    for name in list(os.environ):
        if name.startswith(("DLR_", "TYPER_", "_TYPER_")) or name in {"COLUMNS", "KUBECONFIG", "VERBOSE"}:
            del os.environ[name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
