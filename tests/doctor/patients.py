"""Patients whose facts a test has chosen, and what it takes to read a look at them."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.doctor.case import Case
from ducklake_registry.doctor.patient import Patient
from ducklake_registry.engine import Node
from ducklake_registry.manifests import find, registry_objects
from ducklake_registry.registry import RegistryClient, Retry
from tests.doctor.conftest import NoEngine

if TYPE_CHECKING:
    from ducklake_registry.doctor.finding import Finding, Look

CONTEXT = "kind-ducklake-cluster"
CONTAINER = Node("ducklake-cluster-control-plane", "control-plane", True, {30500: 5000})
DEPLOYMENT = find(registry_objects(), "Deployment", "docker-registry")
READY = {"type": "Ready", "status": "True"}


class Unused(NoEngine):
    """An engine none of whose containers has the port, and that has no image."""

    def version(self) -> str:
        return "28.0.0"

    def holder_of(self, port: int) -> None:
        """Know of none."""
        del port

    def image_id(self, reference: str) -> str | None:
        return {"registry:in-the-engine": "sha256:1"}.get(reference)


def patient(registry: str = "localhost:5000", **facts: Any) -> Patient:
    """Return a patient some of whose facts are known already."""
    impatient = partial(RegistryClient, timeout=0.5, retry=Retry(attempts=1))
    case = Case(Kubeconfig((Path("/nowhere"),)), None, "storage", registry, impatient, Unused())
    made = Patient(case)
    for name, value in ({"context": CONTEXT, "belongs": True, "containers": [CONTAINER]} | facts).items():
        made.answers[name] = Future()
        made.answers[name].set_result(value)
    return made


def deployed(replicas: int = 1, **status: Any) -> dict[str, Any]:
    metadata = DEPLOYMENT["metadata"] | {"generation": 1}
    return DEPLOYMENT | {"metadata": metadata, "status": {"observedGeneration": 1} | status}


def with_image(found: dict[str, Any], image: str = "registry:3.1.2") -> dict[str, Any]:
    return found | {"spec": {"containers": [{"image": image}]}}


def only(look: Look) -> Finding:
    (found,) = look.findings
    return found
