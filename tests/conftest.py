"""Which tests have to follow each other, and which may run side by side."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Item) -> str | None:
    """Return what tests share that is not to be had twice: pytest-xdist runs a group one after another."""
    if "environment" in getattr(item, "fixturenames", ()):
        return "the session's cluster"
    if item.get_closest_marker("cluster"):
        return "clusters of their own"
    if item.get_closest_marker("engine"):
        return "the engine"
    return None
