"""`dlr doctor` and configurations of the registry: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.manifests import find, registry_objects
from tests.e2e.examining import IN_STORAGE, fixed, healthy, looked, typed, until
from tests.e2e.faults import in_registry, restart
from tests.registry import programs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]


def test_a_crash_is_explained_out_of_the_log(environment: Environment) -> None:
    configure(environment, lambda text: text.replace("filesystem:", "nonsense:"))
    environment.kubectl(*IN_STORAGE, "rollout", "restart", "deployment/docker-registry")
    found = until(environment, "pod", "restarts again and again")
    assert found.content["broken_at"] == "pod"
    assert "nonsense" in found.of("pod")["seen"], "the registry's own word"
    assert "storage.nonsense.rootdirectory" in found.of("configuration")["seen"]
    assert "would replace what was chosen: storage.filesystem.rootdirectory" in found.of("pod")["means"]
    typed(environment, found.of("pod")["repair"])
    healthy(environment)


def test_a_configuration_with_a_login_is_not_replaced_by_the_way(environment: Environment) -> None:
    """Deploying again would repair the service, and open the registry to everyone."""
    auth = "auth:\n  htpasswd:\n    realm: tests\n    path: /etc/docker-registry/htpasswd\n"
    configure(environment, lambda text: text + auth, htpasswd=programs.HTPASSWD)
    restart(environment)
    service = environment.kubectl(*IN_STORAGE, "get", "service", "docker-registry", "--output", "yaml")
    entry = {"username": programs.USER, "password": programs.PASSWORD}
    login = {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {environment.registry: entry}})}
    try:
        environment.kubectl(*IN_STORAGE, "delete", "service", "docker-registry")
        found = looked(environment, "--fix", "--yes", **login)
        assert found.content["broken_at"] == "service"
        assert "would replace what was chosen: auth.htpasswd.path is /etc/" in found.of("service")["means"]
        assert found.of("service")["repair"].startswith("dlr deploy-registry")
        kept = environment.kubectl(*IN_STORAGE, "get", "configmap", "registry-config", "--output", "yaml")
        assert "htpasswd:" in kept
        typed(environment, f"kubectl --context {environment.context} apply -f - <<'EOF'\n{service}\nEOF")
        assert looked(environment, **login).status == 0
        assert looked(environment).content["broken_at"] == "login"
    finally:
        configure(environment, lambda text: text, htpasswd=None)
        restart(environment)
    healthy(environment)


@pytest.mark.parametrize("text", [None, "version: [0.1", "nothing but words"], ids=["gone", "no YAML", "words"])
def test_a_configuration_that_no_registry_can_read(environment: Environment, text: str | None) -> None:
    patch = json.dumps({"data": {"config.yml": text}})
    environment.kubectl(*IN_STORAGE, "patch", "configmap", "registry-config", "--patch", patch)
    found = looked(environment)
    assert found.content["broken_at"] == "configuration"
    said = {None: "has no config.yml", "version: [0.1": "is no YAML: "}.get(text, "is no mapping of settings")
    assert said in found.of("configuration")["seen"]
    tested = environment.run_dlr("test-registry", "--category", "health", "-o", "json")
    assert tested.returncode == 0, tested.stderr
    typed(environment, found.of("configuration")["repair"])
    healthy(environment)


def test_a_configuration_that_is_gone(environment: Environment) -> None:
    environment.kubectl(*IN_STORAGE, "delete", "configmap", "registry-config")
    found = looked(environment)
    assert found.content["broken_at"] == "configuration"
    assert found.of("configuration")["seen"] == "the ConfigMap registry-config is gone"
    fixed(environment)
    healthy(environment)


def test_a_read_only_mode_that_was_left_on(environment: Environment) -> None:
    configure(
        environment,
        lambda text: text.replace("maintenance:\n", "maintenance:\n    readonly:\n      enabled: true\n"),
    )
    restart(environment)
    found = until(environment, "writing", "read-only")
    assert found.content["broken_at"] == "configuration"
    assert found.of("writing")["follows_from"] == "configuration"
    fixed(environment)


def test_a_configuration_that_differs_is_told_and_left_alone(environment: Environment) -> None:
    configure(environment, lambda text: text.replace("delete:\n    enabled: true", "delete:\n    enabled: false"))
    restart(environment)
    found = looked(environment, "--fix", "--yes", "--thorough")
    assert found.status == 0, "it works as it is"
    assert "it left behind dlr-acceptance/images@sha256:" in found.of("pull")["seen"]
    assert "deleting is disabled" in found.of("pull")["seen"]
    assert found.of("configuration")["severity"] == "warning"
    assert "storage.delete.enabled is false (dlr's: true)" in found.of("configuration")["seen"]
    assert "deleting is disabled" in found.of("writing")["seen"]
    assert found.of("writing")["repair"] == found.of("configuration")["repair"]
    typed(environment, found.of("configuration")["repair"])
    healthy(environment)
    typed(environment, found.of("pull")["repair"])
    filed = ("find", "/var/lib/registry", "-path", "*/dlr-acceptance/*", "-name", "link")
    assert in_registry(environment, *filed) == "", "what the earlier look had to leave is gone too"


def configure(environment: Environment, change: Callable[[str], str], **files: str | None) -> None:
    """Change the registry's configuration, and files beside it, as somebody with kubectl does."""
    text = find(registry_objects(), "ConfigMap", "registry-config")["data"]["config.yml"]
    assert files or change(text) != text
    patch = json.dumps({"data": {"config.yml": change(text)} | files})
    environment.kubectl(*IN_STORAGE, "patch", "configmap", "registry-config", "--patch", patch)
