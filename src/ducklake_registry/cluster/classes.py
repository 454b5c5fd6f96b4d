"""Storage classes, and which of them makes a volume for a claim that names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ducklake_registry.manifests import Object

DEFAULT_MARK = "storageclass.kubernetes.io/is-default-class"
"""The annotation of the default class. Source: Kubernetes' documentation, "Storage Classes"."""


def is_default_class(storage_class: Object) -> bool:
    """Return whether claims that name no class are of this one."""
    return (storage_class["metadata"].get("annotations") or {}).get(DEFAULT_MARK) == "true"
