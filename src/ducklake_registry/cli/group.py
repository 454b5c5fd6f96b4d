"""How the commands hang together: their panels in the help, the project's defaults, one edge for errors."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from ducklake_registry.errors import DlrError, UsageError
from ducklake_registry.settings import ProjectFile, find_project_file

SECTIONS = frozenset({"environment"})
"""Tables of `dlr.toml` that are no options."""

_INTERRUPTED = 130


class DlrGroup(TyperGroup):
    """The group of all commands."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Return the commands in the order in which they were added, which is the one to read them in."""
        return list(self.commands)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """Write the commands panel by panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, self.commands))
        for name, command in self.commands.items():
            text = command.get_short_help_str(formatter.width - width - 4)
            panels.setdefault(str(getattr(command, "rich_help_panel", "Commands")), []).append((name, text))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(f"{name:<{width}}", text) for name, text in rows])

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error of ours ends here, as one line and an exit code."""
        from ducklake_registry.display import Terminal

        terminal = Terminal()
        try:
            project = find_project_file(Path.cwd())
            ctx.default_map = self.defaults(project)
            if project.path and _is_verbose(ctx):
                Terminal(verbose=True).detail(f"settings: {project.path}")
            return super().invoke(ctx)
        except DlrError as error:
            terminal.error(error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            terminal.note("interrupted; what was done stays, and the command can be run again")
            ctx.exit(_INTERRUPTED)

    def defaults(self, project: ProjectFile) -> dict[str, dict[str, Any]]:
        """Return the project's settings as defaults of every command's options.

        Raises UsageError for a setting that no command has.
        """
        values = {_key(name): value for name, value in project.values.items() if name not in SECTIONS}
        options = {
            name: {_key(option): str(each.name) for each in command.params for option in each.opts}
            for name, command in self.commands.items()
        }
        known = {option for each in options.values() for option in each}
        for unknown in values.keys() - known:
            near = difflib.get_close_matches(unknown, known, 1)
            hint = f"did you mean {near[0]}?" if near else "a setting has its option's name: timeout, registry, …"
            raise UsageError(f"{project.path}: there is no setting {unknown!r}", hint)
        return {
            name: {each[key]: value for key, value in values.items() if key in each}
            for name, each in options.items()
        }


def _key(option: str) -> str:
    return option.lstrip("-").replace("-", "_")


def _is_verbose(ctx: Any) -> bool:
    arguments = {*ctx.protected_args, *ctx.args} if hasattr(ctx, "protected_args") else set(ctx.args)
    return bool({"--verbose", "-v"} & arguments or os.environ.get("DLR_VERBOSE") or os.environ.get("VERBOSE"))
