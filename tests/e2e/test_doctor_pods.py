"""`dlr doctor` and the registry's pod: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.examining import IN_STORAGE, healthy, named_and_repaired, typed, until

if TYPE_CHECKING:
    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]


def test_an_image_of_the_registry_that_nobody_has(environment: Environment) -> None:
    environment.kubectl(*IN_STORAGE, "set", "image", "deployment/docker-registry", "registry=registry:nonesuch")
    found = until(environment, "pod", "registry:nonesuch")
    assert found.content["broken_at"] == "pod"
    assert "ImagePull" in found.of("pod")["seen"]
    typed(environment, found.of("pod")["repair"])
    healthy(environment)


def test_a_registry_that_is_killed_for_want_of_memory(environment: Environment) -> None:
    # With less it is not the registry that is killed, but what starts it.
    little = ("deployment/docker-registry", "--limits=memory=8Mi", "--requests=memory=8Mi")
    environment.kubectl(*IN_STORAGE, "set", "resources", *little)
    try:
        named_and_repaired(environment, "pod", "killed for want of memory", "its limit of 8Mi is too low")
    finally:
        environment.run_dlr("deploy-registry")


def test_a_quota_that_has_no_room_for_a_pod(environment: Environment) -> None:
    environment.kubectl(*IN_STORAGE, "create", "quota", "nothing", "--hard=pods=0,limits.memory=100Mi")
    try:
        environment.kubectl(*IN_STORAGE, "delete", "pods", "--selector=app=docker-registry")
        named_and_repaired(environment, "pod", "exceeded quota: nothing", "no room for the registry's pod")
    finally:
        environment.kubectl(*IN_STORAGE, "delete", "quota", "nothing")


def test_a_pod_that_asks_for_more_than_any_node_has(environment: Environment) -> None:
    much = ("deployment/docker-registry", "--limits=memory=4Ti", "--requests=memory=4Ti")
    environment.kubectl(*IN_STORAGE, "set", "resources", *much)
    try:
        named_and_repaired(
            environment, "pod", "Insufficient memory", "no node has as much as it asks for (memory 4Ti"
        )
    finally:
        environment.run_dlr("deploy-registry")


def test_nodes_that_take_no_pods(environment: Environment) -> None:
    nodes = environment.nodes()
    environment.kubectl("cordon", *nodes)
    try:
        environment.kubectl(*IN_STORAGE, "delete", "pods", "--selector=app=docker-registry")
        named_and_repaired(environment, "pod", "were unschedulable", "one that could is cordoned")
    finally:
        environment.kubectl("uncordon", *nodes)
