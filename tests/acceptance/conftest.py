"""A real registry behind a proxy that can break it, and the checks run through that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.acceptance.baseline import Baseline
from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.context import Limits, working_with
from ducklake_registry.acceptance.runner import Surroundings, accept
from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.engine.client import Engine
from ducklake_registry.errors import EngineError
from ducklake_registry.registry import Credentials, RegistryClient
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.acceptance.proxy import behind
from tests.registry import programs
from tests.registry.conftest import folder, plain, release, with_password
from tests.registry.faults import Faulty, faulty_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ducklake_registry.acceptance.results import Acceptance
    from tests.acceptance.proxy import Fault
    from tests.registry.programs import RunningRegistry

    Try = Callable[..., Acceptance]

__all__ = ["folder", "plain", "release", "with_password"]


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """The release that can do most, to be broken; what faults leave behind in it is of no interest."""
    if programs.find_program("3.1") is None:
        pytest.skip("no program of distribution 3.1 here")
    with programs.running("3.1", tmp_path_factory.mktemp("newest")) as registry:
        yield registry


@pytest.fixture
def proxy() -> Iterator[Faulty]:
    with faulty_server() as server:
        yield server


class NoEngine(Engine):
    def version(self) -> str:
        raise EngineError("no engine here")


@pytest.fixture
def nowhere() -> Surroundings:
    """Neither a cluster nor an engine."""
    return Surroundings(Cluster(None, Kubeconfig.parse("/nowhere")), "storage", NoEngine())


@pytest.fixture
def attempt(proxy: Faulty, nowhere: Surroundings) -> Try:
    """Return a function that makes the named checks on a registry behind the proxy with its faults."""

    def make(
        registry: RunningRegistry,
        names: tuple[str, ...],
        *faults: Fault,
        limits: Limits | None = None,
        auth: Credentials | None = None,
    ) -> Acceptance:
        proxy.behaviour = behind(registry.host, *faults)
        chosen = [each for each in CHECKS if each.path in names]
        assert len(chosen) == len(names), names
        client = RegistryClient(proxy.host, auth=auth, timeout=10)
        with working_with(client, Deadline(60), limits or Limits(), disruptive=False) as context:
            return accept(chosen, context, nowhere, Baseline(), silent)

    return make
