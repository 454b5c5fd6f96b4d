"""What came of a build, a push or a pull: to people a line that can be copied, to GitHub Actions its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ducklake_registry.display import units
from ducklake_registry.errors import UsageError
from ducklake_registry.workflows.build_and_push import PushedImage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ducklake_registry.workflows.build_and_push import BuiltImage
    from ducklake_registry.workflows.pull import PulledImages


def reference_line(result: PushedImage | BuiltImage) -> str:
    """Return what to deploy, or what to run where nothing was pushed."""
    return result.reference if isinstance(result, PushedImage) else result.names[0]


def pulled_lines(result: PulledImages) -> str:
    """Return each image on a line."""
    return "\n".join(each.reference for each in result.images)


def tell_github(result: PushedImage | BuiltImage, environ: Mapping[str, str]) -> None:
    """Write the outputs of a step and its summary where GitHub Actions reads them; elsewhere do nothing.

    Sources: "Setting an output parameter" and "Adding a job summary" of GitHub's workflow commands.
    """
    if not isinstance(result, PushedImage):
        return
    for variable, text in (("GITHUB_OUTPUT", _outputs(result)), ("GITHUB_STEP_SUMMARY", _summary(result))):
        if environ.get("GITHUB_ACTIONS") == "true" and (path := environ.get(variable)):
            _append(Path(path), text, variable)


def _outputs(result: PushedImage) -> str:
    """Return lines of NAME=VALUE; no value can have an end of a line in it."""
    values = {
        "digest": result.digest,
        "image": result.image,
        "tags": ",".join(result.tags),
        "reference": result.reference,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _summary(result: PushedImage) -> str:
    tags = ", ".join(f"`{tag}`" for tag in result.tags)
    size = "" if result.size is None else units.size(result.size)
    return (
        "| image | tags | digest | size |\n"
        "| --- | --- | --- | ---: |\n"
        f"| `{result.image}` | {tags} | `{result.digest}` | {size} |\n\n"
    )


def _append(path: Path, text: str, variable: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {variable} ({path}): {error.strerror}") from error
