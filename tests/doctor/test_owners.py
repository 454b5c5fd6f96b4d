"""What makes a pod, and the commands that change it there; those are typed in tests/e2e/test_doctor_images.py."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from ducklake_registry.doctor.owners import Owner
from tests.doctor.patients import CONTEXT, patient

KUBECTL = f"kubectl --context {CONTEXT}"


def made_by(kind: str | None, name: str = "", **labels: str) -> Owner:
    makers = {"ownerReferences": [{"kind": kind, "name": name}]} if kind else {}
    return Owner.of({"metadata": {"name": "app-x", "namespace": "team", "labels": labels} | makers})


@pytest.mark.parametrize(
    ("owner", "changed"),
    [
        (made_by(None), "pod/app-x"),
        (made_by("ReplicaSet", "app-7d8c", **{"pod-template-hash": "7d8c"}), "deployment/app"),
        (made_by("ReplicaSet", "bare"), "pod/app-x"),
        (made_by("StatefulSet", "db"), "statefulset/db"),
        (made_by("DaemonSet", "agent"), "daemonset/agent"),
        (made_by("Job", "import"), "pod/app-x"),
    ],
)
def test_where_an_image_is_changed(owner: Owner, changed: str) -> None:
    command = owner.with_image(patient(), "main", "localhost:5000/app:v1")
    assert command == f"{KUBECTL} set image {changed} main=localhost:5000/app:v1 --namespace team"


def test_a_template_is_patched() -> None:
    spec: dict[str, Any] = {"initContainers": [{"name": "first", "imagePullPolicy": "IfNotPresent"}]}
    command = made_by("StatefulSet", "db").changed(patient(), spec)
    assert command
    *words, change, _, namespace = shlex.split(command)
    assert (words[-3:], namespace) == (["patch", "statefulset/db", "--patch"], "team")
    assert json.loads(change) == {"spec": {"template": {"spec": spec}}}


def test_what_a_job_has_made_is_not_made_anew_by_hand() -> None:
    assert made_by("Job", "import").changed(patient(), {}) is None
    assert "replace --force" in str(made_by(None).changed(patient(), {}))
