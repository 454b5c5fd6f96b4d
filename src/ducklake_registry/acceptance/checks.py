"""All checks, in the order in which they are made."""

from __future__ import annotations

from ducklake_registry.acceptance import catalog, health, images, performance, storage, tags

CHECKS = (
    *health.CHECKS,
    *catalog.CHECKS,
    *tags.CHECKS,
    *storage.CHECKS,
    *performance.CHECKS,
    *images.CHECKS,
)
