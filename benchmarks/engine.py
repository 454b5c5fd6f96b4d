"""An image of 100 MB built from a folder, pushed and pulled through the engine.

`docker build` and `docker push` do the same but for what `dlr` asks and tells besides: tags from git, labels,
the digest that the registry has. Before each new image its one file is written anew; before each pull the engine
forgets the image.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import DLR, SECONDS, Benchmark, Contender, Goal, Role, Scale, program, run, shell
from benchmarks.registries import empty_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEGABYTES = 100
_IMAGE = "bench/engine"


@contextmanager
def _prepare(scale: Scale) -> Iterator[list[Contender]]:
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as name:
        folder = Path(name)
        (project := folder / "project").mkdir()
        (project / "Dockerfile").write_text("FROM scratch\nCOPY content /content\n")
        (folder / "registry").mkdir()

        def renew() -> None:
            (project / "content").write_bytes(os.urandom(scale.of(_MEGABYTES) * 1_000_000))

        with empty_registry(folder / "registry") as registry:
            names = {each: f"{registry.host}/{_IMAGE}-{each}:v1" for each in ("dlr", "docker")}
            push = (DLR, "build-and-push", str(project), f"--image={_IMAGE}-dlr", "--tag=v1", "--quiet")
            ours = (*push, f"--registry={registry.host}")
            theirs = (
                f"docker build --quiet --tag={names['docker']} {project} && docker push --quiet {names['docker']}"
            )

            def forget() -> None:
                for each in names.values():
                    _forget(each)

            try:
                renew()
                run(*ours)
                run("bash", "-euc", theirs)
                pull = (DLR, "pull-from-registry", f"{_IMAGE}-dlr:v1", f"--registry={registry.host}", "--quiet")
                yield [
                    program(Role.OURS, "dlr, new image", *ours, before=renew),
                    shell(Role.PEER, "docker, new image", theirs, "docker", before=renew),
                    program(Role.OURS, "dlr, unchanged", *ours, before=lambda: _again(ours)),
                    shell(
                        Role.PEER,
                        "docker, unchanged",
                        theirs,
                        "docker",
                        before=lambda: _again(("bash", "-euc", theirs)),
                    ),
                    program(Role.OURS, "dlr, pull", *pull, before=forget),
                    program(
                        Role.PEER, "docker, pull", "docker", "pull", "--quiet", names["docker"], before=forget
                    ),
                ]
            finally:
                forget()


def _again(words: tuple[str, ...]) -> None:
    """Have it done, so that nothing is left to do."""
    run(*words)


def _forget(image: str) -> None:
    """Take an image from the engine, whatever it is called there."""
    short = image.partition("/")[2]
    latest = image.removesuffix(":v1")
    for name in (image, latest, short, short.partition(":")[0]):
        subprocess.run(["docker", "rmi", "--force", name], capture_output=True, check=False)
    subprocess.run(["docker", "image", "prune", "--force"], capture_output=True, check=False)


BENCHMARK = Benchmark(
    "engine",
    "Build, push and pull",
    __doc__,
    (Goal("`dlr build-and-push` of what has not changed", "dlr, unchanged", SECONDS, 1),),
    _prepare,
)
