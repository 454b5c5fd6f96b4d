"""What shells need to complete what is typed after `dlr`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

VARIABLE = "_DLR_COMPLETE"
"""Set by a shell's script when it asks how to go on."""


class Shell(StrEnum):
    """The shells that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def ready() -> None:
    """Have typer answer the scripts below. Its own options, which write into the user's files, are left out."""
    from typer._completion_classes import completion_init

    completion_init()


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="Which one it is for.")],
) -> None:
    """Write the script by which a shell completes commands and options.

    For good: `source <(dlr completion bash)` in ~/.bashrc, the same with zsh in ~/.zshrc after compinit, or
    `dlr completion fish > ~/.config/fish/completions/dlr.fish`.

    Example: dlr completion bash
    """
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="dlr", complete_var=VARIABLE, shell=shell.value))
