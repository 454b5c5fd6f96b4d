"""What people see of the reports: within 80 columns, and the same without colour."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ducklake_registry.cluster.commands import Commands
from ducklake_registry.display.registry_status import registry_status_picture
from ducklake_registry.display.status import status_picture
from ducklake_registry.display.units import milliseconds, size
from ducklake_registry.reports.objects import Node, Port, Service, Warned, Workload
from ducklake_registry.reports.registry_status import look
from ducklake_registry.reports.status import Status
from tests.unit.fake_api import cluster_at
from tests.unit.test_reports_verdict import CLAIM, DEPLOYMENT, HEALTHY, POD, SEEN, SERVICE, THEN, judge

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

LONG = "a-name-that-is-as-long-as-kubernetes-lets-it-be-0123456789-abcde"
DNS = Workload("kube-system", "Deployment", "coredns", 2, 2, "coredns:1", THEN, True, False)
NODE_PORT = Service(
    "storage", "docker-registry-nodeport", "NodePort", "10.0.0.2", (), (Port(5000, "TCP", 30500),), False, True
)
STATUS = Status(
    context="kind-ducklake-cluster",
    server="https://127.0.0.1:6443",
    version="v1.34.4",
    seen=SEEN,
    nodes=(Node("node-1", True, ("control-plane",), "v1.34.4", THEN, None),),
    workloads=(DEPLOYMENT, DNS),
    services=(SERVICE, NODE_PORT),
    claims=(CLAIM,),
    warnings=(Warned("storage", "Pod/docker-registry-1", "BackOff", "back-off " * 20, 7, THEN),),
    unavailable={},
)


def drawn(picture: RenderableType, width: int = 80) -> str:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(picture)
    return capture.get()


def widest(text: str) -> int:
    return max(len(line.rstrip()) for line in text.splitlines())


def test_all_of_the_cluster_is_there_in_80_columns() -> None:
    text = drawn(status_picture(STATUS))
    assert widest(text) <= 80
    for each in (
        "node-1",
        "docker-registry-nodeport",
        "on the nodes 30500",
        "registry-storage",
        "10 GiB",
        "BackOff",
    ):
        assert each in text


@pytest.mark.parametrize("width", [80, 120])
def test_long_names_are_folded_and_never_cut(width: int) -> None:
    status = replace(
        STATUS,
        nodes=(replace(STATUS.nodes[0], name=LONG),),
        workloads=(replace(DEPLOYMENT, namespace=LONG, name=LONG),),
        services=(replace(NODE_PORT, namespace=LONG, name=LONG),),
        claims=(replace(CLAIM, namespace=LONG, name=LONG),),
    )
    text = drawn(status_picture(status), width)
    assert widest(text) <= width
    assert "…" not in text
    assert "…" not in drawn(registry_status_picture(judge(pods=(replace(POD, name=LONG, node=LONG),))), width)


def test_what_is_kubernetes_own_is_counted_and_shown_when_it_fails_or_is_asked_for() -> None:
    assert "coredns" not in drawn(status_picture(STATUS))
    assert "and 1 of Kubernetes' own, all ready, in kube-system" in drawn(status_picture(STATUS))
    assert "coredns" in drawn(status_picture(STATUS, everything=True))
    failing = replace(STATUS, workloads=(DEPLOYMENT, replace(DNS, ready=1)))
    assert "✗ 1/2" in drawn(status_picture(failing))


def test_a_part_that_cannot_be_had_says_why() -> None:
    status = replace(STATUS, nodes=(), unavailable={"nodes": "not allowed: nodes is forbidden"})
    assert "Nodes       ? not available: not allowed: nodes is forbidden" in drawn(status_picture(status))


def test_the_registry_in_80_columns_ends_with_the_verdict() -> None:
    text = drawn(registry_status_picture(judge()))
    assert widest(text) <= 80
    assert text.rstrip().endswith("✓ healthy")
    for each in (
        "1 of 1 ready",
        "0 restarts, age 1m",
        "5 GiB",
        "50 GiB on",
        "answers in 4.0 ms",
        "250m",
        "100 MiB",
    ):
        assert each in text


def test_a_broken_registry_says_what_to_type() -> None:
    broken = judge(pods=(replace(POD, ready=False, restarts=4, trouble="CrashLoopBackOff: back-off"),))
    text = drawn(registry_status_picture(broken))
    assert "✗ not ready, 4 restarts" in text
    assert "✗ pod docker-registry-1: CrashLoopBackOff" in text
    assert text.rstrip().endswith("hint: the log tells why: dlr logs --previous")


def test_a_cluster_that_is_away_is_one_line(tmp_path: Path) -> None:
    found = look(cluster_at("http://127.0.0.1:9", tmp_path), Commands(registry="127.0.0.1:9"))
    text = drawn(registry_status_picture(found), 200)
    assert text.count("the cluster of context fake does not answer") == 2  # the line and the verdict
    assert "cluster       ? not available:" in text
    assert "outside       ? not available: cannot reach 127.0.0.1:9" in text


def test_another_address_than_the_published_one_is_pointed_out() -> None:
    text = drawn(registry_status_picture(replace(judge(), published="localhost:5070")))
    assert "publishes its registry as localhost:5070" in text
    assert "publishes" not in drawn(registry_status_picture(HEALTHY))


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10 * 1024**3, "10 GiB")]
)
def test_sizes(count: int, said: str) -> None:
    assert size(count) == said


def test_times() -> None:
    assert (milliseconds(0.0042), milliseconds(0.25)) == ("4.2 ms", "250 ms")
