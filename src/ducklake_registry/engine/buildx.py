"""Building with `docker buildx`, the program: the engine's API has no builder for several platforms."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake_registry.engine.build import BuildFailed
from ducklake_registry.errors import EngineError
from ducklake_registry.process import CommandFailed, CommandMissing, run
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ducklake_registry.engine.build import BuildOptions
    from ducklake_registry.engine.context import BuildContext

_CHECK_SECONDS = 30.0
_LONGEST_BUILD = 86400.0
_EVIDENCE = 20


def check_buildx() -> str:
    """Return buildx's version; raises EngineError where it is missing."""
    try:
        return run(["docker", "buildx", "version"], timeout=_CHECK_SECONDS).strip()
    except (CommandFailed, CommandMissing) as error:
        raise EngineError(
            f"`docker buildx` is not here: {_last_line(error)}",
            "install it (docs.docker.com/go/buildx), or build for one platform with the engine's own builder",
        ) from error


def build_with_buildx(
    context: BuildContext,
    options: BuildOptions,
    labels: Mapping[str, str],
    names: Sequence[str],
    on_line: Callable[[str], None],
    *,
    push: bool,
) -> Digest | None:
    """Build an image under names and push it, or else load it into the engine; return the digest pushed.

    `on_line` takes each line of buildx's output. Raises BuildFailed.
    """
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        where = ["--push" if push else "--load", "--metadata-file", str(metadata)]
        command = ["docker", "buildx", "build", "--progress=plain", *where]
        _run([*command, *_words(context, options, labels, names)], on_line)
        return _pushed_digest(metadata) if push else None


def _run(argv: list[str], on_line: Callable[[str], None]) -> None:
    try:
        run(argv, timeout=_LONGEST_BUILD, on_line=on_line)
    except CommandFailed as error:
        lines = [line.rstrip() for line in error.output.splitlines() if line.strip()]
        raise BuildFailed(
            f"the build failed: {_last_line(error)}", "its output is above", tuple(lines[-_EVIDENCE:])
        ) from error


def _words(
    context: BuildContext, options: BuildOptions, labels: Mapping[str, str], names: Sequence[str]
) -> list[str]:
    """Return the options, and the folder, as buildx takes them."""
    switches = [("--no-cache", options.no_cache), ("--pull", options.pull)]
    pairs = [
        ("--file", str(context.dockerfile)),
        *(("--target", each) for each in filter(None, [options.target])),
        *(("--platform", each) for each in filter(None, [",".join(options.platforms)])),
        *(("--build-arg", f"{name}={value}") for name, value in options.build_args.items()),
        *(("--label", f"{name}={value}") for name, value in labels.items()),
        *(("--tag", name) for name in names),
    ]
    return [*(word for word, wanted in switches if wanted), *(w for p in pairs for w in p), str(context.folder)]


def _pushed_digest(metadata: Path) -> Digest:
    try:
        return Digest(json.loads(metadata.read_text("utf-8"))["containerimage.digest"])
    except (OSError, ValueError, KeyError) as error:
        raise EngineError("buildx did not say under which digest it has pushed the image") from error


def _last_line(error: CommandFailed | CommandMissing) -> str:
    lines = error.output.strip().splitlines() if isinstance(error, CommandFailed) else []
    return lines[-1].strip() if lines else error.message
