"""What the patches make of the registry's Kubernetes objects: their target, and nothing else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.errors import UsageError
from ducklake_registry.manifests import (
    RegistrySpec,
    find,
    patched,
    registry_objects,
)
from ducklake_registry.manifests.patches import (
    CHECKSUM_ANNOTATION,
    with_config_checksum,
    with_cpu,
    with_image,
    with_memory,
    with_namespace,
    with_node_port,
    with_storage_class,
    with_storage_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.manifests import Object

    Patch = Callable[[list[Object], Any], list[Object]]


@pytest.fixture
def objects() -> list[Object]:
    return registry_objects()


def differences(one: Any, other: Any, path: str = "") -> dict[str, Any]:
    """Return, by its path, each leaf that differs, with what `other` has there."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = list(dict.fromkeys([*one, *other]))
        pairs = [(key, one.get(key), other.get(key)) for key in keys]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(number, *both) for number, both in enumerate(zip(one, other, strict=True))]
    else:
        return {} if one == other else {path: other}
    return {
        at: value for key, a, b in pairs for at, value in differences(a, b, f"{path}.{key}".strip(".")).items()
    }


def by_name(objects: list[Object]) -> dict[str, Object]:
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in objects}


_DEPLOYMENT, _CLAIM = "Deployment/docker-registry", "PersistentVolumeClaim/registry-storage"
_CONTAINER = "spec.template.spec.containers.0"
PATCHES: list[tuple[Patch, Any, str, dict[str, Any]]] = [
    (with_image, "registry:2.8.3", _DEPLOYMENT, {f"{_CONTAINER}.image": "registry:2.8.3"}),
    (with_storage_size, "50Gi", _CLAIM, {"spec.resources.requests.storage": "50Gi"}),
    (with_storage_class, "fast", _CLAIM, {"spec.storageClassName": "fast"}),
    (with_node_port, 31000, "Service/docker-registry-nodeport", {"spec.ports.0.nodePort": 31000}),
    (with_memory, "1Gi", _DEPLOYMENT, {f"{_CONTAINER}.resources.limits.memory": "1Gi"}),
    (
        with_memory,
        "64Mi",
        _DEPLOYMENT,
        {f"{_CONTAINER}.resources.{each}.memory": "64Mi" for each in ("requests", "limits")},
    ),
    (with_cpu, "2", _DEPLOYMENT, {f"{_CONTAINER}.resources.limits.cpu": "2"}),
    (
        with_cpu,
        "50m",
        _DEPLOYMENT,
        {f"{_CONTAINER}.resources.{each}.cpu": "50m" for each in ("requests", "limits")},
    ),
]


def test_an_empty_spec_changes_nothing(objects: list[Object]) -> None:
    assert patched(objects, RegistrySpec()) == objects


@pytest.mark.parametrize(("patch", "value", "target", "expected"), PATCHES)
def test_a_patch_changes_its_target_and_nothing_else(
    patch: Patch, value: Any, target: str, expected: dict[str, Any], objects: list[Object]
) -> None:
    before = copy.deepcopy(objects)
    after = patch(objects, value)
    assert objects == before, "what it is given stays as it is"
    changed = {name: differences(each, by_name(after)[name]) for name, each in by_name(objects).items()}
    assert {name: found for name, found in changed.items() if found} == {target: expected}


@pytest.mark.parametrize(("patch", "value", "target", "_expected"), PATCHES)
def test_a_patch_without_its_target_is_a_mistake(
    patch: Patch, value: Any, target: str, _expected: object, objects: list[Object]
) -> None:
    others = [each for name, each in by_name(objects).items() if name != target]
    with pytest.raises(LookupError):
        patch(others, value)


@pytest.mark.parametrize("patch", [with_image, with_memory, with_cpu])
def test_a_deployment_without_containers_is_a_mistake(patch: Patch, objects: list[Object]) -> None:
    find(objects, "Deployment", "docker-registry")["spec"]["template"]["spec"]["containers"] = []
    with pytest.raises(LookupError):
        patch(objects, "1")


def test_the_namespace_moves_every_object(objects: list[Object]) -> None:
    before = copy.deepcopy(objects)
    namespace, *others = with_namespace(objects, "elsewhere")
    assert objects == before
    assert namespace["metadata"]["name"] == "elsewhere"
    assert "namespace" not in namespace["metadata"]
    assert {each["metadata"]["namespace"] for each in others} == {"elsewhere"}
    assert [each["metadata"]["name"] for each in others] == [each["metadata"]["name"] for each in before[1:]]


def test_everything_at_once_finds_its_targets(objects: list[Object]) -> None:
    spec = RegistrySpec("elsewhere", "registry:2", "1Ti", "slow", 32000, "2Gi", "4")
    after = by_name(patched(objects, spec))
    assert after["Namespace/elsewhere"]
    assert after[_CLAIM]["spec"]["resources"]["requests"]["storage"] == "1Ti"
    assert after[_DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["image"] == "registry:2"


def test_a_changed_configuration_rolls_the_pods(objects: list[Object]) -> None:
    find(objects, "ConfigMap", "registry-config")["data"]["config.yml"] += "# one more line\n"
    changed = differences(objects, with_config_checksum(objects))
    assert len(changed) == 1
    assert next(iter(changed)).endswith(CHECKSUM_ANNOTATION)


@pytest.mark.parametrize("patch", [with_storage_size, with_memory, with_cpu])
def test_a_bad_quantity_is_the_users_error(patch: Patch, objects: list[Object]) -> None:
    with pytest.raises(UsageError, match="'lots' is no quantity") as caught:
        patch(objects, "lots")
    assert caught.value.hint
