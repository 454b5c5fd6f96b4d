"""The registry's Kubernetes objects: what the files hold, and how they are loaded."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ducklake_registry.errors import UsageError
from ducklake_registry.manifests import (
    data_folder,
    find,
    load,
    parse_quantity,
    registry_objects,
)
from ducklake_registry.manifests.patches import (
    CHECKSUM_ANNOTATION,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ducklake_registry.manifests import Object

    Patch = Callable[[list[Object], Any], list[Object]]


@pytest.fixture
def objects() -> list[Object]:
    return registry_objects()


@pytest.fixture
def pod(objects: list[Object]) -> Any:
    return find(objects, "Deployment", "docker-registry")["spec"]["template"]


@pytest.fixture
def container(pod: Any) -> Any:
    (container,) = pod["spec"]["containers"]
    return container


@pytest.fixture
def config(objects: list[Object]) -> Any:
    """Return the registry's own configuration."""
    return yaml.safe_load(find(objects, "ConfigMap", "registry-config")["data"]["config.yml"])


# --- the files


def test_the_folder_holds_nothing_but_yaml() -> None:
    found = sorted(data_folder("manifests").iterdir())
    assert found
    assert [each for each in found if not each.is_file() or each.suffix != ".yaml"] == []


def test_the_objects_are_the_designs(objects: list[Object]) -> None:
    assert [f"{each['kind']}/{each['metadata']['name']}" for each in objects] == [
        "Namespace/storage",
        "ConfigMap/registry-config",
        "PersistentVolumeClaim/registry-storage",
        "Deployment/docker-registry",
        "Service/docker-registry",
        "Service/docker-registry-nodeport",
    ]


def test_the_namespace_comes_before_what_is_in_it(objects: list[Object]) -> None:
    namespace, *others = objects
    assert namespace["kind"] == "Namespace"
    assert {each["metadata"]["namespace"] for each in others} == {namespace["metadata"]["name"]}


def test_each_object_says_whose_it_is(objects: list[Object]) -> None:
    assert {each["metadata"]["labels"]["app.kubernetes.io/part-of"] for each in objects} == {"ducklake-registry"}


def test_the_namespace_enforces_the_strictest_pod_security(objects: list[Object]) -> None:
    labels = find(objects, "Namespace", "storage")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_checksum_in_the_file_is_that_of_the_configuration(objects: list[Object], pod: Any) -> None:
    data = find(objects, "ConfigMap", "registry-config")["data"]
    assert list(data) == ["config.yml"], "the checksum covers one file"
    expected = hashlib.sha256(data["config.yml"].encode()).hexdigest()
    assert pod["metadata"]["annotations"][CHECKSUM_ANNOTATION] == expected


def test_the_services_and_the_deployment_agree(objects: list[Object], pod: Any, container: Any) -> None:
    deployment = find(objects, "Deployment", "docker-registry")
    labels = pod["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    for name in ("docker-registry", "docker-registry-nodeport"):
        spec = find(objects, "Service", name)["spec"]
        assert spec["selector"].items() <= labels.items()
        assert [ports[each["targetPort"]] for each in spec["ports"]] == [5000]


def test_the_pod_mounts_the_claim_and_the_configuration(objects: list[Object], pod: Any, container: Any) -> None:
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in container["volumeMounts"]}
    claim = mounts["/var/lib/registry"]["persistentVolumeClaim"]["claimName"]
    configuration = mounts["/etc/docker-registry"]["configMap"]["name"]
    assert find(objects, "PersistentVolumeClaim", claim)
    assert find(objects, "ConfigMap", configuration)["data"].keys() == {"config.yml"}
    assert container["args"] == ["serve", "/etc/docker-registry/config.yml"]


def test_a_claim_of_one_node_is_never_wanted_by_two_pods(objects: list[Object]) -> None:
    assert find(objects, "PersistentVolumeClaim", "registry-storage")["spec"]["accessModes"] == ["ReadWriteOnce"]
    spec = find(objects, "Deployment", "docker-registry")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


# --- what makes them safe


def test_the_pod_is_nobody_special(pod: Any) -> None:
    context = pod["spec"]["securityContext"]
    assert context["runAsNonRoot"] is True
    assert [context[key] for key in ("runAsUser", "runAsGroup", "fsGroup")] == [1000, 1000, 1000]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys()
    assert not any("hostPath" in each for each in pod["spec"]["volumes"])


def test_the_container_can_change_nothing_but_its_volume(container: Any) -> None:
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert not context.get("privileged", False)


def test_the_image_is_pinned(container: Any) -> None:
    name, _, tag = container["image"].partition(":")
    assert name == "registry"
    assert tag.count(".") == 2
    assert tag.replace(".", "").isdigit()


def test_the_container_has_requests_within_limits(container: Any) -> None:
    resources = container["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory"}
    for name, limit in resources["limits"].items():
        assert parse_quantity(resources["requests"][name]) <= parse_quantity(limit)


def test_the_container_is_watched(container: Any) -> None:
    ports = {each["name"] for each in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        (check,) = container[probe].keys() & {"httpGet", "tcpSocket"}
        assert container[probe][check]["port"] in ports


def test_a_browsers_credentials_are_not_for_every_page(config: Any) -> None:
    headers = config["http"]["headers"]
    origins = headers["Access-Control-Allow-Origin"]
    assert origins
    if headers.get("Access-Control-Allow-Credentials") == ["true"]:
        assert not any("*" in each for each in origins)


def test_delete_is_enabled_where_the_registry_looks_for_it(config: Any) -> None:
    assert config["storage"]["delete"] == {"enabled": True}
    assert "delete" not in config


def test_the_registry_serves_where_the_manifests_expect_it(config: Any, container: Any) -> None:
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert config["http"]["addr"] == f":{ports['registry']}"
    assert config["http"]["debug"]["addr"] == f":{ports['metrics']}"
    assert config["storage"]["filesystem"]["rootdirectory"] == "/var/lib/registry"
    assert config["health"]["storagedriver"]["enabled"] is True


# --- loading


def test_loading_keeps_order_and_skips_empty_documents(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: A\n---\n---\nkind: B\n")
    (tmp_path / "b.yaml").write_text("kind: C\n")
    paths = [tmp_path / "b.yaml", tmp_path / "a.yaml"]
    assert [each["kind"] for each in load(paths)] == ["C", "A", "B"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"kind: [", "is not YAML"),
        (b"\xff\xfe", "is not YAML"),
        (b"- 1", "no object"),
        (b"text", "no object"),
        (b"a: 1", "no object"),
    ],
)
def test_a_file_that_holds_no_objects(content: bytes, message: str, tmp_path: Path) -> None:
    (path := tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        load([path])
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*absent\.yaml: No such file or directory"):
        load([tmp_path / "absent.yaml"])


def test_nothing_of_that_name_is_found(objects: list[Object]) -> None:
    with pytest.raises(LookupError, match="no Secret token"):
        find(objects, "Secret", "token")
