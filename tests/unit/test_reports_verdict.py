"""What the verdict on a registry is, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ducklake_registry.cluster.commands import Commands
from ducklake_registry.display.output import plain
from ducklake_registry.errors import AccessDenied, ClusterError, ClusterUnreachable, DlrError, RegistryUnreachable
from ducklake_registry.reports.objects import Claim, Pod, Port, Service, Workload
from ducklake_registry.reports.registry_status import Answer, RegistryStatus, Usage, judged, with_guess
from ducklake_registry.reports.volume import Disk

THEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SEEN = datetime(2026, 11, 23, 12, 1, tzinfo=UTC)
GIB = 1024**3

DEPLOYMENT = Workload("storage", "Deployment", "docker-registry", 1, 1, "registry:3.1.2", THEN, False, True)
POD = Pod("docker-registry-1", "node-1", True, "Running", 0, THEN, None)
CLAIM = Claim("storage", "registry-storage", "Bound", 10 * GIB, "standard", "pvc-1")
SERVICE = Service(
    "storage", "docker-registry", "ClusterIP", "10.0.0.1", (), (Port(5000, "TCP", None),), False, True
)
HEALTHY = RegistryStatus(
    healthy=False,
    verdict="",
    hint=None,
    context="kind-ducklake-cluster",
    namespace="storage",
    registry="localhost:5000",
    seen=SEEN,
    deployment=DEPLOYMENT,
    pods=(POD,),
    services=(SERVICE,),
    claim=CLAIM,
    stored=5 * GIB,
    disk=Disk(100 * GIB, 50 * GIB),
    outside=Answer("http://localhost:5000", 0.004),
    inside=Answer("http://docker-registry.storage.svc.cluster.local:5000", 0.009),
    repositories=3,
    usage=Usage(0.25, 100 * 1024**2, 0.5, 512 * 1024**2),
    published="localhost:5000",
    unavailable={},
)

NOTHING_NAMED = Commands()


def judge(
    errors: dict[str, DlrError] | None = None, commands: Commands = NOTHING_NAMED, **changes: Any
) -> RegistryStatus:
    found = errors or {}
    reasons = {part: error.message for part, error in found.items()}
    return judged(replace(HEALTHY, unavailable=reasons, **changes), found, commands)


def test_all_well() -> None:
    status = judge()
    assert (status.healthy, status.verdict, status.hint) == (True, "healthy", None)
    assert with_guess(status) == status


def test_a_registry_that_nobody_names_may_be_another() -> None:
    status = with_guess(judge(published=None))
    assert status.healthy
    assert "what answers at localhost:5000 was taken for it" in (status.hint or "")


@pytest.mark.parametrize(
    ("changes", "verdict", "hint"),
    [
        ({"deployment": None, "pods": (), "outside": None}, "no registry in namespace storage", "deploy-registry"),
        ({"deployment": None, "pods": ()}, "what answers at localhost:5000 is another", "deploy-registry"),
        ({"deployment": replace(DEPLOYMENT, ready=0, wanted=0)}, "scaled to 0", "dlr deploy-registry"),
        ({"deployment": replace(DEPLOYMENT, ready=0)}, "0 of 1 pods ready", "dlr deploy-registry"),
        (
            {"pods": (replace(POD, ready=False, trouble="ImagePullBackOff: no such image"),)},
            "pod docker-registry-1: ImagePullBackOff",
            "--registry-image",
        ),
        ({"claim": None}, "claim is gone", "dlr deploy-registry"),
        (
            {"claim": replace(CLAIM, phase="Lost")},
            "registry-storage is lost",
            "kubectl --context kind-ducklake-cluster describe pvc -n storage",
        ),
        ({"services": ()}, "service docker-registry is gone", "dlr deploy-registry"),
        ({"disk": Disk(100 * GIB, 1024**2)}, "nearly full: 1 MiB free", "dlr doctor"),
        ({"disk": Disk(100 * GIB, 1024**2)}, "nearly full", "dlr deploy-registry --storage-size 20Gi"),
    ],
)
def test_what_is_broken_and_what_to_type(changes: dict[str, Any], verdict: str, hint: str) -> None:
    status = judge(**changes)
    assert not status.healthy
    assert verdict in status.verdict
    assert hint in str(status.hint)


@pytest.mark.parametrize(
    ("changes", "typed"),
    [
        ({"deployment": None, "pods": ()}, "dlr deploy-registry"),
        ({"deployment": replace(DEPLOYMENT, ready=0, wanted=0)}, "dlr deploy-registry"),
        ({"deployment": replace(DEPLOYMENT, ready=0)}, "dlr deploy-registry"),
        ({"pods": (replace(POD, trouble="CrashLoopBackOff: back-off"),)}, "dlr logs --previous"),
        ({"claim": None}, "dlr deploy-registry"),
        ({"services": ()}, "dlr deploy-registry"),
        ({"inside": None}, "dlr logs"),
        ({"disk": Disk(100 * GIB, 1024**2)}, "dlr deploy-registry --storage-size 20Gi"),
        ({"outside": None}, "dlr port-forward"),
    ],
)
def test_what_is_to_be_typed_is_about_the_cluster_that_was_looked_at(changes: dict[str, Any], typed: str) -> None:
    named = Commands("production", "elsewhere", "registry.example.com", "/a b")
    hint = str(judge(None, named, **changes).hint)
    assert f"{typed} --context production --namespace elsewhere --kubeconfig '/a b'" in hint


@pytest.mark.parametrize(
    "changes",
    [
        {"claim": replace(CLAIM, phase="Pending")},
        {"pods": (replace(POD, trouble="Unschedulable: pod has unbound immediate PersistentVolumeClaims"),)},
    ],
)
def test_what_kubectl_is_told_is_about_that_cluster_too(changes: dict[str, Any]) -> None:
    hint = str(judge(None, Commands("production", "storage"), context="production", **changes).hint)
    assert "kubectl --context production describe pvc -n storage" in hint


def test_the_first_thing_broken_has_the_verdict() -> None:
    """Nothing answers because the pod does not run: the pod is what to look at."""
    errors: dict[str, DlrError] = {
        "inside": ClusterError("no endpoints"),
        "outside": RegistryUnreachable("refused"),
    }
    trouble = replace(POD, ready=False, trouble="CrashLoopBackOff: back-off")
    status = judge(errors, pods=(trouble,), inside=None, outside=None)
    assert "CrashLoopBackOff" in status.verdict
    assert status.hint == "the log tells why: dlr logs --previous"


def test_what_cannot_be_reached_from_here_says_where_it_is() -> None:
    errors: dict[str, DlrError] = {"outside": RegistryUnreachable("connection refused")}
    status = judge(errors, outside=None, published="localhost:5070")
    assert "not to be reached from here: connection refused" in status.verdict
    assert "--registry localhost:5070" in str(status.hint)
    assert "dlr port-forward" in str(judge(errors, outside=None).hint)


def test_a_cluster_that_cannot_be_asked_is_the_verdict_although_the_registry_answers() -> None:
    errors: dict[str, DlrError] = {"cluster": ClusterUnreachable("connection refused", hint="is it running?")}
    status = judge(errors, context=None, deployment=None, pods=(), claim=None, services=(), inside=None)
    assert not status.healthy
    assert status.verdict.startswith("the cluster cannot be asked, although http://localhost:5000 answers")
    assert status.hint == "is it running?"


def test_what_we_may_not_see_is_not_broken() -> None:
    errors: dict[str, DlrError] = {part: AccessDenied("not allowed") for part in ("inside", "disk", "deployment")}
    status = judge(errors, inside=None, disk=None, deployment=None)
    assert status.healthy
    assert status.verdict == "healthy, as far as it can be seen without deployment, inside"


def test_for_machines_sizes_are_bytes_times_rfc_3339_and_durations_seconds() -> None:
    document = plain(judge())
    assert document["healthy"] is True
    assert document["seen"] == "2026-11-23T12:01:00Z"
    assert document["pods"][0]["created"] == "2026-11-23T12:00:00Z"
    assert (document["stored"], document["disk"]) == (5 * GIB, {"size": 100 * GIB, "free": 50 * GIB})
    assert document["outside"] == {"url": "http://localhost:5000", "seconds": 0.004, "authorized": True}
    assert document["usage"]["memory_limit"] == 512 * 1024**2
