"""The registry's Kubernetes objects: read from YAML, changed by typed patches, kept in order."""

from ducklake_registry.manifests.files import Object, data_folder, load, registry_objects
from ducklake_registry.manifests.patches import RegistrySpec, find, patched
from ducklake_registry.manifests.quantity import parse_quantity

__all__ = [
    "Object",
    "RegistrySpec",
    "data_folder",
    "find",
    "load",
    "parse_quantity",
    "patched",
    "registry_objects",
]
