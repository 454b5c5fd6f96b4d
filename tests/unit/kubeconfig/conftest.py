"""Kubeconfigs of one file or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ducklake_registry.cluster.kubeconfig import Kubeconfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def entries(*names: str, server: str = "https://127.0.0.1:1", current: str | None = None) -> dict[str, Any]:
    """Return a kubeconfig with a cluster, a user and a context of each name."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}} for name in names],
        "users": [{"name": name, "user": {"token": f"{name}-token"}} for name in names],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
        **({} if current is None else {"current-context": current}),
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Kubeconfig]:
    """Return a function that writes files and returns the kubeconfig of them all."""

    def write(*contents: dict[str, Any] | str | None) -> Kubeconfig:
        paths = []
        for number, content in enumerate(contents):
            paths.append(path := tmp_path / f"config{number}")
            if content is not None:
                path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
                path.chmod(0o600)
        return Kubeconfig(tuple(paths))

    return write


def content_of(config: Kubeconfig, number: int = 0) -> Any:
    return yaml.safe_load(config.paths[number].read_text())
