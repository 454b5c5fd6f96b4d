"""`dlr doctor` and deploying, while somebody deletes the registry's namespace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.examining import healthy, typed, until
from tests.e2e.failing import CLUSTER, fails

if TYPE_CHECKING:
    from tests.e2e.conftest import Environment

pytestmark = pytest.mark.cluster

IN_STORAGE = ("--namespace", "storage")
FREE = json.dumps({"metadata": {"finalizers": None}})


@pytest.mark.usefixtures("registry_afterwards")
def test_a_namespace_that_is_being_deleted_and_cannot_go(environment: Environment) -> None:
    held = ("configmap", "held")
    hold = (*IN_STORAGE, "patch", *held, "--type", "merge", "--patch")
    environment.kubectl(*IN_STORAGE, "create", *held)
    environment.kubectl(*hold, json.dumps({"metadata": {"finalizers": ["example.com/hold"]}}))
    environment.kubectl("delete", "namespace", "storage", "--wait=false")
    try:
        found = until(environment, "namespace", "configmap/held is held by example.com/hold")
        assert found.content["broken_at"] == "namespace"
        assert found.in_state("broken") == ["namespace"]
        environment.kubectl(*IN_STORAGE, "wait", "--for=delete", "configmap/registry-config", "--timeout=60s")
        wait = f"kubectl --context {environment.context} wait --for=delete namespace/storage"
        for command in ("deploy-registry", "deploy-kind"):
            fails(environment.run_dlr(command), CLUSTER, "it is being terminated", wait)
        typed(environment, found.of("namespace")["repair"])
    finally:
        if environment.kubectl(*IN_STORAGE, "get", *held, "--ignore-not-found"):
            environment.kubectl(*hold, FREE)
    healthy(environment)
