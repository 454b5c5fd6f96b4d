"""Commands on an environment that stands: nothing is left to do, or there is something to look at.

`kubectl get all --all-namespaces` is there to compare: it asks the cluster for its objects and nothing else. So is
a start of Python that does nothing but load what `dlr doctor` asks the engine, the cluster and the registry with.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.e2e.conftest import free_port

from benchmarks.measure import DLR, SECONDS, Benchmark, Contender, Goal, Role, Scale, program, run

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "bench-standing"
_LOADING = "python, loading docker, kubernetes, httpx"
_LIBRARIES = "import typer, rich.console, httpx, yaml, docker, kubernetes.config, kubernetes.dynamic"


@contextmanager
def _prepare(_scale: Scale) -> Iterator[list[Contender]]:
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as folder:
        port, own = free_port(), f"--kubeconfig={folder}/kubeconfig"
        deploy = (DLR, "deploy-kind", f"--name={_NAME}", f"--host-port={port}", own)
        try:
            run(*deploy)
            there = (own, f"--context=kind-{_NAME}")
            yield [
                program(Role.OURS, "dlr deploy-kind, again", *deploy),
                program(Role.OURS, "dlr status", DLR, "status", *there),
                program(
                    Role.OURS,
                    "dlr registry-status",
                    DLR,
                    "registry-status",
                    *there,
                    f"--registry=localhost:{port}",
                ),
                program(Role.OURS, "dlr doctor", DLR, "doctor", *there, f"--registry=localhost:{port}"),
                program(Role.LIMIT, _LOADING, sys.executable, "-c", _LIBRARIES),
                program(Role.PEER, "kubectl get all", "kubectl", *there, "get", "all", "--all-namespaces"),
            ]
        finally:
            run("kind", "delete", "cluster", f"--name={_NAME}", own)


BENCHMARK = Benchmark(
    "standing",
    "On an environment that stands",
    __doc__,
    (
        Goal("`dlr deploy-kind` again, where nothing is left to do", "dlr deploy-kind, again", SECONDS, 5),
        Goal("`dlr doctor`, where nothing is wrong", "dlr doctor", SECONDS, 3),
        Goal("`dlr doctor`, against loading the libraries that it asks with", "dlr doctor", _LOADING, 2.5),
    ),
    _prepare,
)
