"""An image of 800 MB in two incompressible layers, out of a registry into files and back.

Each round saves to a place where nothing is, and loads into a repository where nothing is. Limits: `sha256sum`
of the image's blobs, which whoever verifies has to compute (the registry does, of what is loaded), a plain copy of
them, and for loading what a command of Python's would take if it were as fast as crane once Typer has started.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import (
    BEST_PEER,
    DLR,
    MEMORY,
    Benchmark,
    Contender,
    Goal,
    Role,
    Sample,
    Scale,
    run,
    shell,
)
from benchmarks.registries import LARGE, empty_registry, push_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Where skopeo notes which registry has which blob; with it, it mounts what it should send.
_SKOPEO_CACHE = Path("/var/lib/containers/cache"), Path.home() / ".local/share/containers/cache"
_MEGABYTES = 800
_FLOOR = 'python -c "import typer", then crane'
_MOST_MEMORY = 150e6


@contextmanager
def _prepared(scale: Scale) -> Iterator[tuple[str, Path, Path]]:
    """Give a registry with the image, the image in files, and a place that is free."""
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as name:
        folder = Path(name)
        (folder / "registry").mkdir()
        with empty_registry(folder / "registry") as registry:
            push_large(registry, scale.of(_MEGABYTES))
            source = folder / "source"
            for target in (source, f"{source}.tar"):
                run(DLR, "save", f"{registry.host}/{LARGE}:v1", str(target), "--quiet")
            yield registry.host, source, folder / "saved"


@contextmanager
def _prepare_saving(scale: Scale) -> Iterator[list[Contender]]:
    with _prepared(scale) as (registry, source, folder):
        image = f"{registry}/{LARGE}:v1"
        commands = {
            "dlr, archive": [DLR, "save", image, f"{folder}.tar", "--quiet"],
            "dlr, folder": [DLR, "save", image, str(folder), "--quiet"],
            "crane": ["crane", "pull", "--insecure", "--format=oci", image, str(folder)],
            "skopeo": ["skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"oci:{folder}:v1"],
            "oras": ["oras", "copy", "--from-plain-http", "--to-oci-layout", image, f"{folder}:v1"],
            "regctl": ["regctl", *_plain(registry), "image", "copy", image, f"ocidir://{folder}:v1"],
        }
        clean = partial(_clean, folder)
        contenders = [_contender(name, partial(run, *words), words[0], clean) for name, words in commands.items()]
        yield [*contenders, *_limits(source, folder)]


@contextmanager
def _prepare_loading(scale: Scale) -> Iterator[list[Contender]]:
    with _prepared(scale) as (registry, source, folder):
        numbers = count()

        def commands(copy: str) -> dict[str, list[str]]:
            return {
                "dlr, archive": [DLR, "load", f"{source}.tar", copy, "--quiet"],
                "dlr, folder": [DLR, "load", str(source), copy, "--quiet"],
                "crane": ["crane", "push", "--insecure", str(source), copy],
                "skopeo": ["skopeo", "copy", "--dest-tls-verify=false", f"oci:{source}:v1", f"docker://{copy}"],
                "oras": ["oras", "copy", "--to-plain-http", "--from-oci-layout", f"{source}:v1", copy],
                "regctl": ["regctl", *_plain(registry), "image", "copy", f"ocidir://{source}:v1", copy],
            }

        def load(name: str) -> Sample:
            return run(*commands(f"{registry}/bench/copy{next(numbers)}:v1")[name])

        clean = partial(_clean, folder)
        contenders = [
            _contender(name, partial(load, name), words[0], clean) for name, words in commands("").items()
        ]
        after_start = Contender(
            _FLOOR, Role.LIMIT, lambda: _after_start(load("crane")), after=clean, needs="crane"
        )
        yield [*contenders, after_start, *_limits(source, folder)]


def _after_start(sample: Sample) -> Sample:
    """Add to a measurement what a start of Typer takes."""
    start = run(sys.executable, "-c", "import typer")
    memory = max(start.memory, sample.memory)
    return Sample(start.seconds + sample.seconds, start.processor + sample.processor, memory)


def _contender(name: str, measure: Callable[[], Sample], needs: str, clean: Callable[[], None]) -> Contender:
    ours = needs == DLR
    return Contender(name, Role.OURS if ours else Role.PEER, measure, after=clean, needs="" if ours else needs)


def _limits(source: Path, folder: Path) -> list[Contender]:
    """Two sums at once, as many as the image has layers."""
    sums = f"printf '%s\\n' {source}/blobs/sha256/* | xargs -P2 -n1 sha256sum"
    clean = partial(_clean, folder)
    return [
        shell(Role.LIMIT, "sha256sum", sums, "sha256sum"),
        shell(Role.LIMIT, "cp", f"cp -r {source} {folder}", "cp", after=clean),
    ]


def _plain(registry: str) -> tuple[str, str]:
    return "--verbosity=error", f"--host=reg={registry},tls=disabled"


def _clean(folder: Path) -> None:
    """Leave nothing that a tool could find again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".tar").unlink(missing_ok=True)
    for cache in _SKOPEO_CACHE:
        for file in cache.glob("blob-info-cache*"):
            file.unlink()


_START = (
    "The start of Python and Typer is what is missing: sending after it takes no longer than crane's, whose time "
    "is the registry's, which has both of these cores at work on digests and the disk."
)


def _goals(verb: str) -> tuple[Goal, ...]:
    return (
        Goal(f"`dlr {verb}`, archive, against the fastest peer", "dlr, archive", BEST_PEER, 1, _START),
        Goal(f"`dlr {verb}`, folder, against the fastest peer", "dlr, folder", BEST_PEER, 1, _START),
        Goal(f"`dlr {verb}`, memory", "dlr, folder", MEMORY, _MOST_MEMORY),
    )


SAVE = Benchmark("save", "Save 800 MB", __doc__, _goals("save"), _prepare_saving)
LOAD = Benchmark("load", "Load 800 MB", __doc__, _goals("load"), _prepare_loading)
