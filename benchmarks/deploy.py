"""A cluster with a registry that its pods can pull from, deletion not counted.

The limit is `kind create cluster --wait` with the same node image, a cluster without any registry. The first
peer is what kind's guide to a local registry does: the registry is a container beside the cluster, not in it,
and what it stores goes with it. The second does by hand, with kind and kubectl, what `dlr` does: `manifests/`, a
port of the laptop's, the registry's image loaded, every node wired. All end when the registry answers on the
laptop.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.conftest import free_port

from benchmarks.measure import DLR, Benchmark, Contender, Goal, Role, Scale, program, run
from ducklake_registry.engine import Engine
from ducklake_registry.manifests import registry_objects
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from ducklake_registry.workflows.node_image import choose_node_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LIMIT = "kind create cluster --wait"
_SHELL = Path(__file__).with_name("shell")
_MANIFESTS = Path(__file__).resolve().parents[1] / "manifests"


@contextmanager
def _prepare(_scale: Scale) -> Iterator[list[Contender]]:
    image = choose_node_image(None, Engine(), Deadline(600), silent).reference
    if image is None:
        raise SystemExit("the engine has no image for nodes: run bootstrap/up")
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as folder:
        yield list(_contenders(image, str(free_port()), Path(folder)))


def _contenders(image: str, port: str, folder: Path) -> Iterator[Contender]:
    def remove(name: str) -> None:
        run("kind", "delete", "cluster", f"--name={name}", f"--kubeconfig={folder}/{name}")

    def remove_guide() -> None:
        remove("bench-guide")
        run("docker", "rm", "--force", "--volumes", "bench-guide")

    def by_hand(title: str, script: str, name: str, after: Callable[[], None]) -> Contender:
        given = (name, image, port, f"{folder}/{name}", registry_image(), str(_MANIFESTS))
        measure = partial(run, str(_SHELL / script), *given)
        return Contender(title, Role.PEER, measure, after=after, needs="kubectl")

    words = ("deploy-kind", "--name=bench-dlr", f"--host-port={port}", f"--node-image={image}")
    ours = (DLR, *words, f"--kubeconfig={folder}/bench-dlr")
    yield program(Role.OURS, "dlr deploy-kind", *ours, after=partial(remove, "bench-dlr"))
    plain = ("kind", "create", "cluster", "--name=bench-kind", f"--image={image}", "--wait=120s")
    own = f"--kubeconfig={folder}/bench-kind"
    yield program(Role.LIMIT, _LIMIT, *plain, own, after=partial(remove, "bench-kind"))
    yield by_hand("kind's guide", "kind-guide", "bench-guide", remove_guide)
    yield by_hand("kind and kubectl by hand", "kind-and-kubectl", "bench-hand", partial(remove, "bench-hand"))


def registry_image() -> str:
    """Return the image that the registry runs from."""
    [deployment] = [each for each in registry_objects() if each["kind"] == "Deployment"]
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


BENCHMARK = Benchmark(
    "deploy",
    "Deploy a cluster with a registry",
    __doc__,
    (
        Goal(
            "`dlr deploy-kind`, against `kind create cluster --wait` with the same node image",
            "dlr deploy-kind",
            _LIMIT,
            1.3,
            "Beyond kind's own part, the registry's image has to be brought into the node and unpacked there, and "
            "its pod has to start, which wants the cores that the control plane's start wants.",
        ),
    ),
    _prepare,
    rounds=3,
)
