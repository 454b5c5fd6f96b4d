"""Building with `docker buildx`, the program: the engine's API has no builder for several platforms."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake_registry.engine.build import BuildFailed
from ducklake_registry.engine.failures import registry_failure
from ducklake_registry.engine.logins import logged_in
from ducklake_registry.errors import EngineError
from ducklake_registry.process import CommandFailed, CommandMissing, run
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ducklake_registry.engine.build import BuildOptions
    from ducklake_registry.engine.context import BuildContext
    from ducklake_registry.engine.images import Login
    from ducklake_registry.reference import Reference

_CHECK_SECONDS = 30.0
_LONGEST_BUILD = 86400.0
_BUILD = ("docker", "buildx", "build", "--progress=plain")
_EVIDENCE = 20
_NO_ATTESTATIONS = "BUILDX_NO_DEFAULT_ATTESTATIONS"
_OTHER_BUILDER = "make a builder that can: docker buildx create --use --driver-opt network=host"
"""On the host's network, or its `localhost` would be another than the user's."""


def check_buildx() -> str:
    """Return buildx's version; raises EngineError where it is missing."""
    try:
        return run(["docker", "buildx", "version"], timeout=_CHECK_SECONDS).strip()
    except (CommandFailed, CommandMissing) as error:
        output = error.output.strip() if isinstance(error, CommandFailed) else ""
        raise EngineError(
            f"`docker buildx` is not here: {[*output.splitlines(), error.message][0]}",
            "install it (docs.docker.com/go/buildx), or build for one platform with the engine's own builder",
        ) from error


def load_with_buildx(
    context: BuildContext,
    options: BuildOptions,
    labels: Mapping[str, str],
    names: Sequence[str],
    on_line: Callable[[str], None],
) -> None:
    """Build an image and load it into the engine under names; `on_line` takes each line of buildx's output.

    Raises BuildFailed.
    """
    _run([*_BUILD, "--load", *_words(context, options, labels, names)], on_line, {})


def push_with_buildx(
    context: BuildContext,
    options: BuildOptions,
    labels: Mapping[str, str],
    targets: Sequence[Reference],
    login: Login,
    on_line: Callable[[str], None],
) -> Digest:
    """Build an image and push it to a registry; return the digest under which it is there.

    `on_line` takes each line of buildx's output. Raises BuildFailed, and what a push by the engine raises.
    """
    names = [str(each) for each in targets]
    with tempfile.TemporaryDirectory() as folder, logged_in(login) as variables:
        metadata = Path(folder) / "metadata.json"
        argv = [*_BUILD, "--push", "--metadata-file", str(metadata), *_words(context, options, labels, names)]
        try:
            _run(argv, on_line, variables)
        except PushFailed as error:
            raise registry_failure(f"cannot push {names[0]}", targets[0].registry, error.message) from error
        return _pushed_digest(metadata)


class PushFailed(EngineError):
    """buildx built the image but could not push it; the message is its own."""


def _run(argv: list[str], on_line: Callable[[str], None], variables: Mapping[str, str]) -> None:
    # When it was built is in what buildx attests by itself: the same built again would be another image each time.
    plain = {_NO_ATTESTATIONS: os.environ.get(_NO_ATTESTATIONS, "1")}
    try:
        run(argv, timeout=_LONGEST_BUILD, on_line=on_line, variables={**plain, **variables})
    except CommandFailed as error:
        lines = [line.rstrip() for line in error.output.splitlines() if line.strip()]
        said = _said(lines, error.message)
        if "failed to push" in said or any(line.startswith(" > pushing") for line in lines):
            raise PushFailed(said) from error
        hint = _OTHER_BUILDER if "Multi-platform build is not supported" in said else "its output is above"
        raise BuildFailed(f"the build failed: {said}", hint, tuple(lines[-_EVIDENCE:])) from error


def _said(lines: list[str], otherwise: str) -> str:
    """Return what buildx gave as the reason, before the advice that may follow it."""
    reasons = [line.removeprefix("ERROR: ").strip() for line in lines if line.startswith("ERROR: ")]
    return [otherwise, *lines[-1:], *reasons[-1:]][-1].removeprefix("failed to build: ")


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
