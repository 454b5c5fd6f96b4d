"""How the nodes' containerd finds the registry."""

from __future__ import annotations

import tomllib

from ducklake_registry.cluster.wiring import hosts_files, registry_names


def test_the_names_that_people_use() -> None:
    assert registry_names("storage", 5000) == (
        "localhost:5000",
        "127.0.0.1:5000",
        "docker-registry.storage.svc.cluster.local:5000",
        "docker-registry.storage.svc:5000",
        "docker-registry.storage:5000",
    )


def test_namespace_and_port_are_in_the_names() -> None:
    names = registry_names("team", 5050)
    assert "localhost:5050" in names
    assert "docker-registry.team.svc.cluster.local:5000" in names
    assert not any("storage" in each for each in names)


def test_each_name_leads_to_the_node_port_of_the_node_itself() -> None:
    files = hosts_files(("localhost:5000", "docker-registry.storage:5000"), "kind-worker", 30500)
    assert set(files) == {
        "/etc/containerd/certs.d/localhost:5000/hosts.toml",
        "/etc/containerd/certs.d/docker-registry.storage:5000/hosts.toml",
    }
    for content in files.values():
        found = tomllib.loads(content)
        assert found["server"] == "http://kind-worker:30500"
        assert found["host"] == {"http://kind-worker:30500": {"capabilities": ["pull", "resolve", "push"]}}
