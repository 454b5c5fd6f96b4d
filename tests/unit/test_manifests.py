"""The registry's Kubernetes objects: what the files hold, and what the patches make of them."""

from __future__ import annotations

import contextlib
import copy
import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ducklake_registry.errors import UsageError
from ducklake_registry.manifests import (
    RegistrySpec,
    data_folder,
    find,
    load,
    parse_quantity,
    patched,
    registry_objects,
)
from ducklake_registry.manifests.patches import (
    CHECKSUM_ANNOTATION,
    with_config_checksum,
    with_cpu,
    with_image,
    with_memory,
    with_namespace,
    with_node_port,
    with_storage_class,
    with_storage_size,
)
from ducklake_registry.manifests.quantity import smaller

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


def differences(one: Any, other: Any, path: str = "") -> dict[str, Any]:
    """Return, by its path, each leaf that differs, with what `other` has there."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = list(dict.fromkeys([*one, *other]))
        pairs = [(key, one.get(key), other.get(key)) for key in keys]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(number, *both) for number, both in enumerate(zip(one, other, strict=True))]
    else:
        return {} if one == other else {path: other}
    return {
        at: value for key, a, b in pairs for at, value in differences(a, b, f"{path}.{key}".strip(".")).items()
    }


def by_name(objects: list[Object]) -> dict[str, Object]:
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in objects}


# --- the files


def test_the_folder_holds_nothing_but_yaml() -> None:
    found = sorted(data_folder("manifests").iterdir())
    assert found
    assert [each for each in found if not each.is_file() or each.suffix != ".yaml"] == []


def test_the_objects_are_the_designs(objects: list[Object]) -> None:
    assert list(by_name(objects)) == [
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


# --- the patches

_DEPLOYMENT, _CLAIM = "Deployment/docker-registry", "PersistentVolumeClaim/registry-storage"
_CONTAINER = "spec.template.spec.containers.0"
PATCHES: list[tuple[Patch, Any, str, dict[str, Any]]] = [
    (with_image, "registry:2.8.3", _DEPLOYMENT, {f"{_CONTAINER}.image": "registry:2.8.3"}),
    (with_storage_size, "50Gi", _CLAIM, {"spec.resources.requests.storage": "50Gi"}),
    (with_storage_class, "fast", _CLAIM, {"spec.storageClassName": "fast"}),
    (with_node_port, 31000, "Service/docker-registry-nodeport", {"spec.ports.0.nodePort": 31000}),
    (with_memory, "1Gi", _DEPLOYMENT, {f"{_CONTAINER}.resources.limits.memory": "1Gi"}),
    (
        with_memory,
        "64Mi",
        _DEPLOYMENT,
        {f"{_CONTAINER}.resources.{each}.memory": "64Mi" for each in ("requests", "limits")},
    ),
    (with_cpu, "2", _DEPLOYMENT, {f"{_CONTAINER}.resources.limits.cpu": "2"}),
    (
        with_cpu,
        "50m",
        _DEPLOYMENT,
        {f"{_CONTAINER}.resources.{each}.cpu": "50m" for each in ("requests", "limits")},
    ),
]


def test_an_empty_spec_changes_nothing(objects: list[Object]) -> None:
    assert patched(objects, RegistrySpec()) == objects


@pytest.mark.parametrize(("patch", "value", "target", "expected"), PATCHES)
def test_a_patch_changes_its_target_and_nothing_else(
    patch: Patch, value: Any, target: str, expected: dict[str, Any], objects: list[Object]
) -> None:
    before = copy.deepcopy(objects)
    after = patch(objects, value)
    assert objects == before, "what it is given stays as it is"
    changed = {name: differences(each, by_name(after)[name]) for name, each in by_name(objects).items()}
    assert {name: found for name, found in changed.items() if found} == {target: expected}


@pytest.mark.parametrize(("patch", "value", "target", "_expected"), PATCHES)
def test_a_patch_without_its_target_is_a_mistake(
    patch: Patch, value: Any, target: str, _expected: object, objects: list[Object]
) -> None:
    others = [each for name, each in by_name(objects).items() if name != target]
    with pytest.raises(LookupError):
        patch(others, value)


@pytest.mark.parametrize("patch", [with_image, with_memory, with_cpu])
def test_a_deployment_without_containers_is_a_mistake(patch: Patch, objects: list[Object]) -> None:
    find(objects, "Deployment", "docker-registry")["spec"]["template"]["spec"]["containers"] = []
    with pytest.raises(LookupError):
        patch(objects, "1")


def test_the_namespace_moves_every_object(objects: list[Object]) -> None:
    before = copy.deepcopy(objects)
    namespace, *others = with_namespace(objects, "elsewhere")
    assert objects == before
    assert namespace["metadata"]["name"] == "elsewhere"
    assert "namespace" not in namespace["metadata"]
    assert {each["metadata"]["namespace"] for each in others} == {"elsewhere"}
    assert [each["metadata"]["name"] for each in others] == [each["metadata"]["name"] for each in before[1:]]


def test_everything_at_once_finds_its_targets(objects: list[Object]) -> None:
    spec = RegistrySpec("elsewhere", "registry:2", "1Ti", "slow", 32000, "2Gi", "4")
    after = by_name(patched(objects, spec))
    assert after["Namespace/elsewhere"]
    assert after[_CLAIM]["spec"]["resources"]["requests"]["storage"] == "1Ti"
    assert after[_DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["image"] == "registry:2"


def test_a_changed_configuration_rolls_the_pods(objects: list[Object]) -> None:
    find(objects, "ConfigMap", "registry-config")["data"]["config.yml"] += "# one more line\n"
    changed = differences(objects, with_config_checksum(objects))
    assert len(changed) == 1
    assert next(iter(changed)).endswith(CHECKSUM_ANNOTATION)


@pytest.mark.parametrize("patch", [with_storage_size, with_memory, with_cpu])
def test_a_bad_quantity_is_the_users_error(patch: Patch, objects: list[Object]) -> None:
    with pytest.raises(UsageError, match="'lots' is no quantity") as caught:
        patch(objects, "lots")
    assert caught.value.hint


# --- quantities

_SCALES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "E": 10**18,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "Ei": 2**60,
}
quantities = st.tuples(st.integers(0, 10**9), st.sampled_from(sorted(_SCALES)))


@given(quantities)
def test_a_quantity_is_its_number_times_its_suffix(quantity: tuple[int, str]) -> None:
    number, suffix = quantity
    assert parse_quantity(f"{number}{suffix}") == number * _SCALES[suffix]


@given(st.integers(0, 10**9))
def test_a_thousandth_is_written_m(number: int) -> None:
    assert parse_quantity(f"{number}m") * 1000 == number


@given(quantities, quantities)
def test_the_smaller_of_two_is_as_it_was_written(one: tuple[int, str], other: tuple[int, str]) -> None:
    texts = [f"{number}{suffix}" for number, suffix in (one, other)]
    found = smaller(*texts)
    assert found in texts
    assert parse_quantity(found) == min(map(parse_quantity, texts))


@pytest.mark.parametrize(("text", "expected"), [("1.5Gi", "1610612736"), (".5", "0.5"), ("2.", "2"), ("0", "0")])
def test_decimal_quantities(text: str, expected: str) -> None:
    assert parse_quantity(text) == Decimal(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Gi",
        "10 Gi",
        "10GB",
        "10gi",
        "-1Gi",
        "+1",
        "1,5Gi",
        "ten",
        "10Gi\n",
        "1_0",
        "NaN",
        "\u0661\u0660Gi",
        ".",
    ],
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(UsageError, match="is no quantity"):
        parse_quantity(text)


@given(st.text(max_size=8))
def test_any_text_is_a_quantity_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_quantity(text) >= 0


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
