"""Kubernetes objects, the registry's and a project's: read from YAML, changed by typed patches, kept in order."""

from ducklake_registry.manifests.chosen import chosen_spec, usual_spec
from ducklake_registry.manifests.files import Object, data_folder, load, registry_objects
from ducklake_registry.manifests.patches import RegistrySpec, find, patched
from ducklake_registry.manifests.quantity import parse_quantity
from ducklake_registry.manifests.workloads import (
    images,
    load_workloads,
    pinned,
    pod_specs,
    repository_of,
    runs,
    secrets,
)

__all__ = [
    "Object",
    "RegistrySpec",
    "chosen_spec",
    "data_folder",
    "find",
    "images",
    "load",
    "load_workloads",
    "parse_quantity",
    "patched",
    "pinned",
    "pod_specs",
    "registry_objects",
    "repository_of",
    "runs",
    "secrets",
    "usual_spec",
]
