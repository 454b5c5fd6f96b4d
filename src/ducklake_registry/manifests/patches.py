"""Small changes to the registry's objects, each of which must find what it changes.

A patch takes the list of objects and returns a changed copy; what it is given stays as it is. One that does not
find its target raises LookupError: that is a mistake in the manifests, not in what the user typed.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ducklake_registry.manifests.quantity import parse_quantity, smaller
from ducklake_registry.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.manifests.files import Object

CHECKSUM_ANNOTATION = "ducklake-registry/config-checksum"


@dataclass(frozen=True, slots=True)
class RegistrySpec:
    """What a user may want different of the registry; None leaves the manifests' own value.

    Sizes are Kubernetes quantities ("20Gi", "500m"), `node_port` is a port of every node (30000-32767).
    """

    namespace: str | None = None
    image: str | None = None
    storage_size: str | None = None
    storage_class: str | None = None
    node_port: int | None = None
    memory: str | None = None
    cpu: str | None = None


def patched(objects: list[Object], spec: RegistrySpec) -> list[Object]:
    """Return the registry's objects as `spec` wants them; with an empty `spec`, equal to `objects`."""
    patches: tuple[tuple[Callable[[list[Object], Any], list[Object]], str | int | None], ...] = (
        (with_image, spec.image),
        (with_storage_size, spec.storage_size),
        (with_storage_class, spec.storage_class),
        (with_node_port, spec.node_port),
        (with_memory, spec.memory),
        (with_cpu, spec.cpu),
        (with_namespace, spec.namespace),
    )
    for patch, value in patches:
        if value is not None:
            objects = patch(objects, value)
    return with_config_checksum(objects)


def with_image(objects: list[Object], image: str) -> list[Object]:
    """Run the registry from `image`; raises UsageError for what is no name of an image."""
    Reference.parse(image, default_registry="docker.io")
    return _changed(objects, "Deployment", "docker-registry", _CONTAINER, {"image": image})


def with_storage_size(objects: list[Object], size: str) -> list[Object]:
    """Ask for a volume of `size`."""
    path = ("spec", "resources", "requests")
    parse_quantity(size)
    return _changed(objects, "PersistentVolumeClaim", "registry-storage", path, {"storage": size})


def with_storage_class(objects: list[Object], name: str) -> list[Object]:
    """Ask for a volume of the storage class `name`."""
    return _changed(objects, "PersistentVolumeClaim", "registry-storage", ("spec",), {"storageClassName": name})


def with_node_port(objects: list[Object], port: int) -> list[Object]:
    """Serve the registry on `port` of every node."""
    path = ("spec", "ports", 0)
    return _changed(objects, "Service", "docker-registry-nodeport", path, {"nodePort": port})


def with_memory(objects: list[Object], quantity: str) -> list[Object]:
    """Limit the registry's memory to `quantity`, and set aside no more than that."""
    return _with_limit(objects, "memory", quantity)


def with_cpu(objects: list[Object], quantity: str) -> list[Object]:
    """Limit the registry's processor time to `quantity`, and set aside no more than that."""
    return _with_limit(objects, "cpu", quantity)


def with_namespace(objects: list[Object], namespace: str) -> list[Object]:
    """Put everything into `namespace`, which is named instead of the manifests' own."""
    objects = copy.deepcopy(objects)
    for each in objects:
        each["metadata"]["name" if each["kind"] == "Namespace" else "namespace"] = namespace
    return objects


def with_config_checksum(objects: list[Object]) -> list[Object]:
    """Note the configuration's SHA-256 on the pods, so that a changed configuration rolls them."""
    data = find(objects, "ConfigMap", "registry-config")["data"]
    path = ("spec", "template", "metadata", "annotations")
    note = {CHECKSUM_ANNOTATION: checksum(data["config.yml"])}
    return _changed(objects, "Deployment", "docker-registry", path, note)


def checksum(configuration: str) -> str:
    """Return the SHA-256 of a configuration, in hexadecimal digits."""
    return hashlib.sha256(configuration.encode()).hexdigest()


def find(objects: list[Object], kind: str, name: str) -> Object:
    """Return the object of this kind and name; raise LookupError if it is not there."""
    for each in objects:
        if each["kind"] == kind and each["metadata"]["name"] == name:
            return each
    raise LookupError(f"no {kind} {name} among the manifests")


_CONTAINER = ("spec", "template", "spec", "containers", 0)


def _with_limit(objects: list[Object], resource: str, quantity: str) -> list[Object]:
    path = (*_CONTAINER, "resources")
    resources = _at(find(objects, "Deployment", "docker-registry"), path)
    request = smaller(quantity, resources["requests"][resource])
    objects = _changed(objects, "Deployment", "docker-registry", (*path, "limits"), {resource: quantity})
    return _changed(objects, "Deployment", "docker-registry", (*path, "requests"), {resource: request})


def _changed(
    objects: list[Object], kind: str, name: str, path: tuple[str | int, ...], values: Object
) -> list[Object]:
    objects = copy.deepcopy(objects)
    _at(find(objects, kind, name), path).update(values)
    return objects


def _at(target: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        target = target[part]
    return target
