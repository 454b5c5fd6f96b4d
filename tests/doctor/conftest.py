"""The doctor at registries that run here as programs: without an engine and without a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.doctor.case import Case
from ducklake_registry.doctor.links import LINKS
from ducklake_registry.doctor.patient import Patient
from ducklake_registry.doctor.runner import examine
from ducklake_registry.engine import Engine
from ducklake_registry.errors import EngineError
from ducklake_registry.registry import RegistryClient, Retry
from tests.registry.conftest import (
    authority,
    folder,
    frozen,
    newest,
    plain,
    proxy,
    release,
    tokens,
    with_password,
    with_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ducklake_registry.doctor.finding import Checkup, Finding

    Doctor = Callable[..., "Seen"]

__all__ = [
    "authority",
    "folder",
    "frozen",
    "newest",
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


@dataclass(frozen=True)
class Seen:
    """What the doctor has found."""

    checkup: Checkup

    @property
    def broken_at(self) -> str | None:
        return self.checkup.broken_at

    @property
    def states(self) -> dict[str, str]:
        return {each.link: str(each.state) for each in self.checkup.links}

    def of(self, link: str) -> Finding:
        return next(each for each in self.checkup.findings if each.link == link)


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Return a function that looks at a registry (None: the cluster's own); options are its client's."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in (
        "DOCKER_AUTH_CONFIG",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)

    def look(registry: str | None, engine: Engine | None = None, **options: Any) -> Seen:
        def client(name: str) -> RegistryClient:
            return RegistryClient(name, retry=Retry(attempts=1), **{"timeout": 5.0, **options})

        kubeconfig = Kubeconfig.parse(str(tmp_path / "kubeconfig"))
        patient = Patient(Case(kubeconfig, None, "storage", registry, client, engine or NoEngine()))
        try:
            return Seen(examine(LINKS, patient))
        finally:
            patient.client.close()

    return look
