"""Make a terminal picture from a real run: run commands in a terminal of 80 columns and draw what it then shows.

    .venv/bin/python scripts/record.py docs/pictures/deploy-kind.svg 'dlr deploy-kind' 'dlr status'
    .venv/bin/python scripts/record.py --all     # every picture of the documentation, in order

The prompt lines show the commands as they were given and run. The picture refers to nothing outside itself.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH, HEIGHT = 80, 40
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
# Each begins where the one before has left the cluster; `hello` is the image of the tutorial.
PICTURES = {
    "deploy-kind.svg": ["dlr deploy-kind"],
    "images.svg": ["dlr list-registry-images", "dlr inspect hello:v1"],
    "registry-status.svg": ["dlr registry-status"],
    "test-registry.svg": ["dlr test-registry"],
}
_PART = re.compile(
    r"\x1b\[(?P<arguments>[0-9;?]*)(?P<code>[A-Za-z])|(?P<control>[\r\n])|(?P<text>[^\x1b\r\n]+)|\x1b"
)


class Screen:
    """What a terminal shows, scroll-back included, as far as programs that redraw whole lines need it."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = 0

    def write(self, output: str) -> None:
        """Take a program's output."""
        for part in _PART.finditer(output):
            if part["text"]:
                self.lines[self._row] += part["text"]
            elif part["control"] == "\n":
                self._move(1)
            elif part["code"]:
                self._obey(part["code"], part["arguments"], part[0])

    def _obey(self, code: str, arguments: str, sequence: str) -> None:
        if code == "m":
            self.lines[self._row] += sequence
        elif code == "A":
            self._move(-int(arguments or 1))
        elif code == "B":
            self._move(int(arguments or 1))
        elif code == "K":
            self.lines[self._row] = ""

    def _move(self, rows: int) -> None:
        self._row = max(0, self._row + rows)
        while len(self.lines) <= self._row:
            self.lines.append("")


def recorded(command: str, limit: float) -> str:
    """Return all that a command writes to its terminal. Raises SystemExit when it fails."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    with subprocess.Popen(
        shlex.split(command), stdin=its, stdout=its, stderr=its, env=surroundings(), start_new_session=True
    ) as process:
        os.close(its)
        output = b"".join(chunks(ours, time.monotonic() + limit)).decode(errors="replace")
        os.close(ours)
        if process.wait(5):
            sys.exit(f"{command} failed with {process.returncode}:\n{output}")
    return output


def chunks(descriptor: int, end: float) -> Iterator[bytes]:
    """Yield what comes from a terminal until its programs have left it."""
    while select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # Linux's way to say that nobody is at the other side
            return
        if not chunk:
            return
        yield chunk
    sys.exit("the command did not end in time")


def surroundings() -> dict[str, str]:
    """Return an environment in which this installation's `dlr` comes first, in a terminal with colours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
    return {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | terminal | {"PATH": path}


def picture(runs: list[tuple[str, str]]) -> str:
    """Return an SVG of commands and what they wrote."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command, output in runs:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")), soft_wrap=False)
        screen = Screen()
        screen.write(output)
        console.print(Text.from_ansi("\n".join(screen.lines).rstrip("\n")))
    return console.export_svg(title=runs[0][0], theme=MONOKAI, code_format=self_contained(), unique_id="dlr")


def self_contained() -> str:
    """Return rich's form of a picture without the fonts that it would fetch."""
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = re.sub(r"<!--.*?-->\s*", "", form, flags=re.DOTALL)
    return form.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")


def main() -> int:
    """Record, draw and write; return the exit code."""
    parser = argparse.ArgumentParser(description="Make a terminal picture from a real run.")
    parser.add_argument("file", type=Path, nargs="?", help="where the SVG goes")
    parser.add_argument("command", nargs="*", help="what to run, each in quotes")
    parser.add_argument("--all", action="store_true", help="every picture of the documentation")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for each command")
    arguments = parser.parse_args()
    if arguments.all == bool(arguments.file and arguments.command):
        parser.error("give a file and commands, or --all")
    wanted = (
        {FOLDER / name: commands for name, commands in PICTURES.items()}
        if arguments.all
        else {arguments.file: arguments.command}
    )
    for file, commands in wanted.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            picture([(command, recorded(command, arguments.timeout)) for command in commands]), "utf-8"
        )
        if arguments.all and file.name == "deploy-kind.svg":
            push_hello(arguments.timeout)
    return 0


def push_hello(limit: float) -> None:
    """Push the image of the tutorial, which the later pictures show."""
    with tempfile.TemporaryDirectory() as folder:
        lines = ("FROM debian:bookworm-slim", 'CMD ["echo", "hello from my own image"]', "")
        (Path(folder) / "Dockerfile").write_text("\n".join(lines))
        recorded(f"dlr build-and-push {folder} --image hello --tag v1", limit)


if __name__ == "__main__":
    sys.exit(main())
