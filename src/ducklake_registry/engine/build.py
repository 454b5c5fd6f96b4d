"""Building an image with the engine's own builder."""

from __future__ import annotations

import io
import re
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ducklake_registry.engine.images import platform_of
from ducklake_registry.engine.refusals import translated
from ducklake_registry.errors import EngineError
from ducklake_registry.oci import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ducklake_registry.engine.client import Engine
    from ducklake_registry.engine.context import BuildContext

_EVIDENCE = 20
_OTHER_PLATFORM = "this engine's own builder builds for its own platform only: --builder buildx"
_STEP = re.compile(r"(?:Step|STEP) (?P<number>\d+/\d+) ?: (?P<command>.*)")  # Docker's way, and Podman's
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_HINTS = {
    "FROM": "that is an image which the engine cannot get: see what `docker pull` says of it",
    "COPY": "its source is looked for in the folder that is built; .dockerignore may leave it out",
    "ADD": "its source is looked for in the folder that is built; .dockerignore may leave it out",
    "RUN": "its output is above; --no-cache runs every step anew",
}
_BOOKKEEPING = (" --->", "--> ", "Removing intermediate container")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build; `platforms` are like "linux/amd64". The values of `build_args` may be secrets: not shown."""

    build_args: Mapping[str, str] = field(default_factory=dict, repr=False)
    target: str | None = None
    no_cache: bool = False
    pull: bool = False
    platforms: tuple[str, ...] = ()


class BuildFailed(EngineError):
    """A step of the Dockerfile failed; `details` are the end of what it said."""


def build(
    engine: Engine,
    context: BuildContext,
    options: BuildOptions,
    labels: Mapping[str, str],
    on_line: Callable[[str], None],
) -> str:
    """Build an image, and return its id; it has no name yet. `on_line` takes each line of the build's output.

    Raises BuildFailed with the step that failed, UsageError for a context that cannot be read.
    """
    with translated(), closing(context.stream()) as archive:
        one_line = "\n" not in "".join(labels.values())
        apart = len(labels) > 1 and one_line and engine.is_podman
        events = engine.api.build(
            fileobj=archive,  # type: ignore[arg-type]  # the SDK passes it on to requests, which takes pieces too
            custom_context=True,
            dockerfile=context.dockerfile_name,
            buildargs=dict(options.build_args),
            labels={} if apart else dict(labels),
            target=options.target or "",
            nocache=options.no_cache,
            pull=options.pull,
            **_always(options),
        )
        image_id = _followed(events, on_line)
        if apart:
            image_id = _labelled(engine, image_id, options, labels)
    _check_platform(engine, image_id, options)
    return image_id


def _labelled(engine: Engine, image_id: str, options: BuildOptions, labels: Mapping[str, str]) -> str:
    """Return an image with labels besides, in one order: Podman adds each by a step, in an order of chance.

    Another order is another image, and the same that is built again would not be the same.
    """
    pairs = " ".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(labels.items()))
    dockerfile = io.BytesIO(f"FROM {image_id.removeprefix('sha256:')}\nLABEL {pairs}\n".encode())
    return _followed(engine.api.build(fileobj=dockerfile, **_always(options)), lambda _: None)


def _quoted(text: str) -> str:
    """Write a word of a Dockerfile that stays as it is. Source: "Environment replacement" of its reference."""
    return '"' + re.sub(r'(["\\\\$])', r"\\\1", text) + '"'


def _always(options: BuildOptions) -> dict[str, Any]:
    platform = next(iter(options.platforms), None)
    return {"platform": platform, "rm": True, "forcerm": True, "decode": True}


def _check_platform(engine: Engine, image_id: str, options: BuildOptions) -> None:
    """See that the image is for the platform that was asked for: some engines only say that it is."""
    built = platform_of(engine, image_id)
    for wanted in options.platforms:
        if not Platform.parse(built).matches(Platform.parse(wanted)):
            raise EngineError(f"the engine built an image for {built}, not for {wanted}", _OTHER_PLATFORM)


def _followed(events: Iterable[dict[str, Any]], on_line: Callable[[str], None]) -> str:
    """Read the build's events to their end, so that the connection is free again."""
    output = _Output(on_line)
    image = ""
    for event in events:
        output.take(event)
        image = event.get("aux", {}).get("ID", image)
    output.end()
    if output.error:
        raise output.failure()
    if not image:
        raise EngineError("the engine ended the build without an image", "see the engine's log")
    return image


class _Output:
    """The build's output, cut into lines; it comes in pieces of any size."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = ""
        self._step: deque[str] = deque(maxlen=_EVIDENCE)
        self._title = self._command = ""
        self.error = ""

    def take(self, event: Mapping[str, Any]) -> None:
        self.error = self.error or str(event.get("error", ""))
        *lines, self._rest = (self._rest + _text(event)).split("\n")
        for line in lines:
            self._told(line.rstrip("\r"))

    def end(self) -> None:
        if self._rest:
            self._told(self._rest)

    def failure(self) -> BuildFailed:
        if "does not match the specified platform" in self.error:
            return BuildFailed(f"the build failed: {self.error.strip()}", _OTHER_PLATFORM)
        where = f" at {self._title}" if self._title else ""
        hint = _HINTS.get(self._command.partition(" ")[0].upper(), "mend it in the Dockerfile")
        return BuildFailed(f"the build failed{where}: {self.error.strip()}", hint, tuple(self._step))

    def _told(self, line: str) -> None:
        if step := _STEP.fullmatch(line):
            self._command = step["command"]
            self._title = f"step {step['number']} ({self._command})"
            self._step.clear()
        elif (said := _COLOURS.sub("", line)).strip() and not said.startswith(_BOOKKEEPING):
            self._step.append(said)
        self._on_line(line)


def _text(event: Mapping[str, Any]) -> str:
    """Return what an event adds to the output: of the pull of a base image only what is said once."""
    if "stream" in event:
        return str(event["stream"])
    if "status" in event and not event.get("progressDetail"):
        name = f"{event['id']}: " if event.get("id") else ""
        return f"{name}{event['status']}\n"
    return ""
