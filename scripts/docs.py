"""Write docs/cli.md and the table of docs/settings.md from the commands.

With --check it writes nothing, and tells whether they are so.
"""

from __future__ import annotations

import difflib
import os
import sys
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE, SETTINGS = DOCS / "cli.md", DOCS / "settings.md"
WIDTH = 100
MOST_NAMED = 4
MARK = "<!-- Below: written by scripts/docs.py; `make docs` writes it anew, and a test checks it. -->\n"

_HEAD = """# The command line

<!-- Written by scripts/docs.py from `--help`; `make docs` writes it anew, and a test checks it. -->

An option is taken from the command line, else from its environment variable, else from `dlr.toml` (or `[tool.dlr]`
of `pyproject.toml`) in the current folder or the nearest one above it. There it is called as its variable is, but
without `DLR_`: `DLR_HOST_PORT` is `host-port` or `host_port` ([all of them](settings.md)). An option without a
variable is said each time.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *sections()])


def sections() -> Iterator[str]:
    """Yield the help of `dlr` and of each command, under headings."""
    import typer

    from ducklake_registry.cli.main import app

    group: Any = typer.main.get_command(app)
    context = group.make_context("dlr", [], resilient_parsing=True, terminal_width=WIDTH)
    yield section("dlr", group, context)
    for name, command in group.commands.items():
        own = command.make_context(name, [], parent=context, resilient_parsing=True)
        yield section(f"dlr {name}", command, own)


def section(words: str, command: Any, context: Any) -> str:
    """Return one command's help as it is shown, under a heading."""
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    return "\n".join([f"## `{words}`", "", "```text", *lines, "```", ""])


def settings_page(found: str) -> str:
    """Return the page of the settings: its own words, and the table of what the commands take."""
    return "\n".join([found.partition(MARK)[0] + MARK, *settings(), ""])


def settings() -> Iterator[str]:
    """Yield the table: each setting that an option takes, once for each of its meanings."""
    import typer

    from ducklake_registry.cli.main import app

    group: Any = typer.main.get_command(app)
    found = [
        (_variables(option), option.help or "", _takes(option), f"`{name}`")
        for name, command in group.commands.items()
        for option in command.params
        if option.envvar
    ]
    yield "| key | variable | takes | what it is | for |"
    yield "| --- | --- | --- | --- | --- |"
    for (variables, said, takes), same in groupby(sorted(found), key=itemgetter(0, 1, 2)):
        commands = [each[-1] for each in same]
        key = variables[0].removeprefix("DLR_").lower().replace("_", "-")
        names = ", ".join(f"`{each}`" for each in variables)
        places = ", ".join(commands) if len(commands) <= MOST_NAMED else f"{len(commands)} commands"
        yield f"| `{key}` | {names} | {takes} | {said} | {places} |"


def _variables(option: Any) -> tuple[str, ...]:
    return (option.envvar,) if isinstance(option.envvar, str) else tuple(option.envvar)


def _takes(option: Any) -> str:
    """Return what a setting's value is, as the help says it."""
    if getattr(option, "is_flag", False):
        return "true or false"
    choices = getattr(option.type, "choices", None)
    named = ", ".join(f"`{each}`" for each in choices) if choices else option.metavar or "a number"
    return f"{named}, or a list" if option.multiple else named.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; return the exit code."""
    clean_surroundings()
    wanted = {PAGE: page(), SETTINGS: settings_page(_text(SETTINGS))}
    if "--check" in arguments:
        return max(_check(path, text) for path, text in wanted.items())
    DOCS.mkdir(exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text, "utf-8")
    return 0


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _check(path: Path, wanted: str) -> int:
    """Tell how a page differs from what it should be; return 1 where it does."""
    found = _text(path)
    for line in difflib.unified_diff(found.splitlines(), wanted.splitlines(), str(path), "--help", lineterm=""):
        print(line)
    if found != wanted:
        print(f"docs/{path.name} is not what --help says: run `make docs`", file=sys.stderr)
    return int(found != wanted)


def clean_surroundings() -> None:
    """Forget what would change the help: the user's terminal, and variables that stand for options."""
    for name in list(os.environ):
        if name.startswith(("DLR_", "TYPER_", "_TYPER_")) or name in {"COLUMNS", "KUBECONFIG", "VERBOSE"}:
            del os.environ[name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
