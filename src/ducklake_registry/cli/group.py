"""How the commands hang together: their panels in the help, the project's defaults, one edge for errors."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from ducklake_registry.cli.commands import LazyCommands
from ducklake_registry.errors import DlrError, UsageError
from ducklake_registry.settings import DEFAULT_REGISTRY, ENVIRONMENT, ProjectFile, find_project_file

_INTERRUPTED = 130
_TYPED = "ducklake_registry.typed"
_NO = frozenset({"", "0", "false", "off", "no", "n", "f"})

# What is refused before a command runs. typer brings that error's class along, but gives it no name of its own.
_Refused: Any = typer.BadParameter.__base__


class DlrGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = LazyCommands()  # type: ignore[assignment]  # it is only read

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

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read what comes before the command."""
        nothing_asked = not args
        try:
            return super().make_context(info_name, args, parent, **extra)
        except _Refused as error:
            if nothing_asked:  # that is how typer shows the help
                raise
            raise _told(error) from error

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep what was typed, for the option that is read before all others."""
        ctx.meta[_TYPED] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error of ours ends here, as one line and an exit code."""
        from ducklake_registry.display.terminal import Terminal

        terminal = Terminal()
        try:
            project = ctx.obj = find_project_file(_here())
            ctx.default_map = self.defaults(project, verbose=ctx.params["verbose"])
            if project.path and is_verbose(ctx):
                Terminal(verbose=True).detail(f"settings: {project.path}")
            return super().invoke(ctx)
        except DlrError as error:
            terminal.error(error)
            ctx.exit(error.exit_code)
        except _Refused as error:
            raise _told(error) from error
        except KeyboardInterrupt:
            terminal.note("interrupted")
            ctx.exit(_INTERRUPTED)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that was typed, and let it speak to the project's registry where nobody names one."""
        found = super().resolve_command(ctx, args)
        for option in found[1].params if found[1] and ctx.obj else ():
            if option.default == DEFAULT_REGISTRY:
                option.default = usual_registry(ctx.obj)
        return found

    def defaults(self, project: ProjectFile, *, verbose: bool = False) -> dict[str, dict[str, Any]]:
        """Return the project's settings, and what was said before the command, as defaults of its options.

        A list is for the commands that take several values. Raises UsageError for a setting that no command has,
        and for a list that none takes.
        """
        values = {_key(name): value for name, value in project.values.items() if name != ENVIRONMENT}
        values = {key: _as_typed(key, value, project) for key, value in values.items()}
        values |= {"verbose": "true"} if verbose else {}
        if not values:  # and then no command but the one that was typed has to be loaded
            return {}
        options = {
            name: {_setting(each): each for each in command.params if each.envvar}
            for name, command in self.commands.items()
        }
        _check(values, [pair for each in options.values() for pair in each.items()], project)
        return {
            name: {
                str(each[key].name): _in_shape(each[key], value)
                for key, value in values.items()
                if _takes(each.get(key), value)
            }
            for name, each in options.items()
        }


def _check(values: dict[str, Any], options: list[tuple[str, Any]], project: ProjectFile) -> None:
    """Raise UsageError for a setting that is no option's, or a list where all of its options take one value."""
    known = {key for key, _ in options}
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else "a setting has its option's name: timeout, registry, …"
            raise UsageError(f"{project.path}: there is no setting {key!r}", hint)
        if not any(_takes(option, value) for name, option in options if name == key):
            raise UsageError(f"{project.path}: {key} is one value, not a list")


def _takes(option: Any, value: Any) -> bool:
    """Tell whether there is such an option and a setting's value is of its shape."""
    return option is not None and (option.multiple or option.nargs != 1 or not isinstance(value, list))


def _in_shape(option: Any, value: Any) -> Any:
    """Return a setting as its option takes it: one alone stands for a list of one."""
    return [value] if option.multiple and not isinstance(value, list) else value


def usual_registry(project: ProjectFile) -> str:
    """Return the registry where nobody names one: at the port that `deploy-kind` takes."""
    values = {_key(name): value for name, value in project.values.items()}
    port = str(os.environ.get("DLR_HOST_PORT") or values.get("host_port", ""))
    return f"localhost:{port}" if port.isdecimal() else DEFAULT_REGISTRY  # what is no port is the option's to tell


def _setting(option: Any) -> str:
    """Return how an option is called in a file: as its variable, so that each setting means one thing.

    An option without a variable is said for one time, and cannot be set.
    """
    variables = [option.envvar] if isinstance(option.envvar, str) else option.envvar
    return str(variables[0]).removeprefix("DLR_").lower()


def _key(option: str) -> str:
    return option.lstrip("-").replace("-", "_")


def _as_typed(key: str, value: Any, project: ProjectFile) -> Any:
    """Return a setting as it would be typed, so that it is read as an option is."""
    if isinstance(value, list):
        return [_as_typed(key, each, project) for each in value]
    if not isinstance(value, str | int | float):
        raise UsageError(f"{project.path}: {key} is neither text nor number, true nor false")
    return str(value)


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the current folder is gone", hint="change to one that is there") from error


def _told(error: Any) -> typer.Exit:
    """Tell what typer refuses as every other error is told, and return the way out."""
    from ducklake_registry.display.terminal import Terminal

    said = " ".join(error.format_message().split())
    hint = f"`{error.ctx.command_path} --help` shows what can be said" if error.ctx else None
    Terminal().error(UsageError(said[:1].lower() + said[1:], hint))
    return typer.Exit(UsageError.exit_code)


def is_verbose(ctx: Any) -> bool:
    """Tell whether --verbose was said anywhere, or by a variable; known before any option is read."""
    said = (os.environ.get(name, "").lower() for name in ("DLR_VERBOSE", "VERBOSE"))
    return not {"--verbose", "-v"}.isdisjoint(ctx.meta[_TYPED]) or any(each not in _NO for each in said)
