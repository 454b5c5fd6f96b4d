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
from tests.registry.conftest import (
    authority,
    folder,
    newest,
    olareg,
    plain,
    proxy,
    release,
    tokens,
    with_password,
    with_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ducklake_registry.acceptance.check import Check
    from ducklake_registry.acceptance.results import Acceptance, Verdict
    from tests.acceptance.proxy import Fault
    from tests.registry.faults import Faulty
    from tests.registry.programs import RunningRegistry

    Try = Callable[..., Acceptance]

__all__ = [
    "authority",
    "folder",
    "newest",
    "olareg",
    "plain",
    "proxy",
    "release",
    "tokens",
    "with_password",
    "with_tokens",
]


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


def made(client: RegistryClient, around: Surroundings, chosen: Sequence[Check] = CHECKS) -> Acceptance:
    with working_with(client, Deadline(120), Limits(), disruptive=False) as context:
        return accept(chosen, context, around, Baseline(), silent)


def with_verdict(found: Acceptance, verdict: Verdict) -> set[str]:
    return {f"{each.category}/{each.name}" for each in found.results if each.verdict is verdict}
