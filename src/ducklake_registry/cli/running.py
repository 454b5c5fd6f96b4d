"""What commands that change something share: the lock, the question, the dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ducklake_registry.errors import UsageError
from ducklake_registry.lock import exclusive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.step import Step
    from ducklake_registry.waiting import Deadline


def perform(
    terminal: Terminal, steps: Sequence[Step], cluster: str, deadline: Deadline, *, dry_run: bool = False
) -> None:
    """Run the steps while no other `dlr` works on the cluster; with `dry_run`, only say what they are."""
    if dry_run:
        list_steps(steps)
        return
    try:
        with exclusive(cluster, deadline, terminal.once):
            terminal.run(steps)
    except KeyboardInterrupt:
        terminal.note("what was done stays; run the command again to go on")
        raise


def list_steps(steps: Sequence[Step]) -> None:
    """Say what would be done."""
    for number, step in enumerate(steps, 1):
        typer.echo(f"{number}. {step.title}")


def confirm(terminal: Terminal, question: str, *, yes: bool) -> None:
    """Go on only with a yes, given beforehand or now. Raises UsageError where nobody can be asked."""
    if yes:
        return
    if not terminal.can_ask:
        raise UsageError(f"not done without a yes: {question}", hint="say it beforehand with --yes")
    if not terminal.ask(question):
        terminal.note("nothing was done")
        raise typer.Exit(1)
