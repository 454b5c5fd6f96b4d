"""An image of 100 MB built from a folder, pushed and pulled through the engine; and one of code, which is 1 MB.

`docker build` and `docker push` do the same but for what `dlr` asks and tells besides: tags from git, labels,
the digest that the registry has. Before each new image its one file is written anew; before each pull the engine
forgets the image. Where nothing has changed the engine still takes in all of the folder to see that, which is why
a folder of 100 MB has a line of its own there.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import DLR, SECONDS, Benchmark, Contender, Goal, Role, Scale, program, run, shell
from benchmarks.registries import empty_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEGABYTES = 100
_CODE = 1
_IMAGE = "bench/engine"


@contextmanager
def _prepare(scale: Scale) -> Iterator[list[Contender]]:
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as name:
        folder = Path(name)
        (folder / "registry").mkdir()
        with empty_registry(folder / "registry") as registry:
            large = _Project.make(folder / "large", registry.host, scale.of(_MEGABYTES))
            code = _Project.make(folder / "code", registry.host, _CODE)
            try:
                yield [*large.contenders(), *large.unchanged(", 100 MB"), *code.unchanged("")]
            finally:
                large.forget()
                code.forget()


@dataclass(frozen=True, slots=True)
class _Project:
    """A folder that is built by `dlr` and by `docker`, to images of their own at a registry."""

    folder: Path
    host: str
    megabytes: int

    @classmethod
    def make(cls, folder: Path, host: str, megabytes: int) -> _Project:
        """Make one of that size, built and pushed once."""
        folder.mkdir()
        (folder / "Dockerfile").write_text("FROM scratch\nCOPY content /content\n")
        made = cls(folder, host, megabytes)
        made.renew()
        run(*made.ours)
        run("bash", "-euc", made.theirs)
        return made

    @property
    def image(self) -> str:
        return f"{_IMAGE}-{self.folder.name}"

    @property
    def ours(self) -> tuple[str, ...]:
        what = (str(self.folder), f"--image={self.image}-dlr", f"--registry={self.host}", "--tag=v1", "--quiet")
        return (DLR, "build-and-push", *what)

    @property
    def theirs(self) -> str:
        name = self.name("docker")
        return f"docker build --quiet --tag={name} {self.folder} && docker push --quiet {name}"

    def name(self, whose: str) -> str:
        """Return the whole name of the image that `dlr` or `docker` builds."""
        return f"{self.host}/{self.image}-{whose}:v1"

    def renew(self) -> None:
        """Change what is built."""
        (self.folder / "content").write_bytes(os.urandom(self.megabytes * 1_000_000))

    def forget(self) -> None:
        """Let the engine forget both images."""
        for each in ("dlr", "docker"):
            _forget(self.name(each))

    def contenders(self) -> list[Contender]:
        """Return those that build what is new, and pull it."""
        pull = (DLR, "pull-from-registry", f"{self.image}-dlr:v1", f"--registry={self.host}", "--quiet")
        return [
            program(Role.OURS, "dlr, new image", *self.ours, before=self.renew),
            shell(Role.PEER, "docker, new image", self.theirs, "docker", before=self.renew),
            program(Role.OURS, "dlr, pull", *pull, before=self.forget),
            program(
                Role.PEER, "docker, pull", "docker", "pull", "--quiet", self.name("docker"), before=self.forget
            ),
        ]

    def unchanged(self, which: str) -> list[Contender]:
        """Return those that find nothing to do."""

        def push_ours() -> None:
            run(*self.ours)

        def push_theirs() -> None:
            run("bash", "-euc", self.theirs)

        return [
            program(Role.OURS, f"dlr, unchanged{which}", *self.ours, before=push_ours),
            shell(Role.PEER, f"docker, unchanged{which}", self.theirs, "docker", before=push_theirs),
        ]


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
