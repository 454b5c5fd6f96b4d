"""The entry point of `dlr`."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ducklake_registry import __version__
from ducklake_registry.cli import doctor, environment, images, registry, transfer
from ducklake_registry.cli.group import DlrGroup
from ducklake_registry.process import end_all

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="dlr",
    cls=DlrGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # the plain help is there in half the time
    pretty_exceptions_enable=False,  # a bug keeps its plain traceback, without the values of variables
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
environment.register(app)
registry.register(app)
doctor.register(app)
images.register(app)
transfer.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dlr {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 what was checked does not hold, 2 usage, 3 cluster, 4 registry, 5 engine, "
    "6 timeout, 7 another dlr is at work, 130 interrupted."
)
def dlr(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run a private container registry on Kubernetes that works the first time, and keep it healthy."""


def main() -> None:
    """Run `dlr`."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        app()
    finally:
        end_all()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by the regular way out, so that what was started is ended and what was opened is closed."""
    sys.exit(128 + number)
