"""The entry point of `dlr`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ducklake_registry import __version__
from ducklake_registry.cli import shell
from ducklake_registry.cli.group import DlrGroup, is_verbose
from ducklake_registry.process import end_all

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="dlr",
    cls=DlrGroup,
    no_args_is_help=True,
    add_completion=False,  # `dlr completion` is
    rich_markup_mode=None,  # the plain help is there in half the time
    pretty_exceptions_enable=False,  # a bug keeps its plain traceback, without the values of variables
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(ctx: typer.Context, wanted: bool) -> None:
    if not wanted:
        return
    if not is_verbose(ctx):
        typer.echo(f"dlr {__version__}")
        raise typer.Exit
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.versions import version_lines
    from ducklake_registry.engine import Engine
    from ducklake_registry.reports.versions import look

    cluster = Cluster(kubeconfig=Kubeconfig.parse(os.environ.get("KUBECONFIG")), request_timeout=1)
    typer.echo(version_lines(look(Engine(timeout=1), cluster)))
    raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 what was checked does not hold, 2 usage, 3 cluster, 4 registry, 5 engine, "
    "6 timeout, 7 another dlr is at work, 130 interrupted."
)
def dlr(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Show the version; with --verbose also of what dlr talks to.",
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="The same as after a command that has it.")
    ] = False,
) -> None:
    """Run a private container registry on Kubernetes that works the first time, and keep it healthy."""


def main() -> None:
    """Run `dlr`."""
    _open_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if shell.VARIABLE in os.environ:
        shell.ready()
    try:
        app()
    finally:
        end_all()
        gc.freeze()  # else the interpreter, before it ends, looks through all that is there for rubbish


def _open_streams() -> None:
    """Let there be all three streams: Python has None for one that is closed, as some services start programs."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - it stays open


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by the regular way out, so that what was started is ended and what was opened is closed."""
    sys.exit(128 + number)
