"""A project's manifests: which objects are in them, in which order, and which images they run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ducklake_registry.errors import UsageError
from ducklake_registry.manifests import images, load_workloads, pinned, runs, secrets
from ducklake_registry.reference import Digest, Reference, Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIGEST = Digest(f"sha256:{'a' * 64}")
PIN = Reference("localhost:5000", Repository("app"), digest=DIGEST)
PINS = {Repository("app"): PIN}


def an(kind: str, name: str = "x", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}} | ({"spec": spec} if spec else {})


def write(folder: Path, name: str, *objects: Any) -> None:
    (folder / name).write_text(yaml.safe_dump_all(objects))


def found(path: Path) -> list[str]:
    return [f"{each['kind']} {each['metadata']['name']}" for each in load_workloads(path)]


def test_a_folder_is_read_by_its_files_names_and_namespaces_come_first(tmp_path: Path) -> None:
    write(tmp_path, "20.yaml", an("Deployment"), an("Namespace", "late"))
    write(tmp_path, "10.yml", an("Service"), None, an("CustomResourceDefinition"))
    (tmp_path / "30.json").write_text(json.dumps(an("Job")))
    (tmp_path / "README.md").write_text("no manifest")
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", "1.yaml", an("Pod"))
    assert found(tmp_path) == [
        *("Namespace late", "CustomResourceDefinition x", "Service x", "Deployment x", "Job x"),
    ]


def test_a_list_is_its_items(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", {"apiVersion": "v1", "kind": "List", "items": [an("Service"), an("Job", "y")]})
    assert found(tmp_path / "a.yaml") == ["Service x", "Job y"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "is not YAML"),
        ("just text", "no object with a kind"),
        ("kind: Pod\nmetadata: {name: x}", "a Pod without apiVersion"),
        ("apiVersion: v1\nkind: Pod", "a Pod without metadata.name"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}", "a Pod without metadata.name"),
        ("apiVersion: v1\nkind: List\nitems: [3]", "no object with a kind"),
        ("apiVersion: v1\nkind: 3\nmetadata: {name: x}", "no object with a kind"),
    ],
)
def test_what_is_no_manifest(content: str, said: str, tmp_path: Path) -> None:
    (file := tmp_path / "a.yaml").write_text(content)
    with pytest.raises(UsageError, match=said) as caught:
        load_workloads(file)
    assert str(file) in caught.value.message


def test_a_folder_without_manifests(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no manifests in") as caught:
        load_workloads(tmp_path)
    assert caught.value.hint


def pod(image: str) -> dict[str, Any]:
    return {
        "initContainers": [{"name": "i", "image": image}],
        "containers": [{"name": "a", "image": image}, {"name": "b", "image": "postgres:17"}],
        "volumes": [{"name": "v", "image": {"reference": image}}, {"name": "w", "emptyDir": {}}],
    }


MAKERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "Pod": pod,
    "Deployment": lambda image: {"template": {"spec": pod(image)}},
    "StatefulSet": lambda image: {"template": {"spec": pod(image)}},
    "DaemonSet": lambda image: {"template": {"spec": pod(image)}},
    "Job": lambda image: {"template": {"spec": pod(image)}},
    "CronJob": lambda image: {"jobTemplate": {"spec": {"template": {"spec": pod(image)}}}},
}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_place_of_an_image_is_pinned(kind: str) -> None:
    before = an(kind, **MAKERS[kind]("app:dev"))
    copy = json.loads(json.dumps(before))
    (after,) = pinned([before], PINS)
    assert after == an(kind, **MAKERS[kind](str(PIN))), "nothing else changes"
    assert before == copy
    assert sorted(images(before)) == ["app:dev", "app:dev", "app:dev", "postgres:17"]
    assert runs(before, Repository("app"))
    assert not runs(before, Repository("other"))


@pytest.mark.parametrize(
    "image",
    [
        *("app", "app:v1", "localhost:5000/app", "localhost:5001/app:v1", "registry.example.com/app:latest"),
        *(f"app@{DIGEST[:-1]}b", f"registry.example.com/app:v1@{DIGEST}", "[::1]:5000/app"),
    ],
)
def test_it_is_the_same_image_under_any_registry_and_tag(image: str) -> None:
    (after,) = pinned([an("Pod", containers=[{"image": image}])], PINS)
    assert after["spec"]["containers"] == [{"image": f"localhost:5000/app@{DIGEST}"}]


@pytest.mark.parametrize(
    "image", ["team/app", "app2", "localhost:5000/team/app", "postgres", "${IMAGE}", "APP", "", "app:", 3, None]
)
def test_what_is_another_image_stays(image: Any) -> None:
    before = [an("Pod", containers=[{"image": image}])]
    assert pinned(before, PINS) == before


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"containers": None},
        {"containers": "app"},
        {"containers": ["app"]},
        {"template": None},
        {"template": {"spec": []}},
        {"volumes": [{"image": "app"}]},
        {"jobTemplate": {"spec": None}},
    ],
)
def test_what_has_other_forms_stays(spec: dict[str, Any]) -> None:
    before = [an("Thing", **spec)]
    assert pinned(before, PINS) == before


@given(
    st.recursive(st.none() | st.text(max_size=3), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=5), x))
)
def test_no_object_ends_in_a_traceback(spec: Any) -> None:
    before = [{"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec}]
    assert pinned(before, {}) == before


def test_the_secrets_that_pods_do_not_start_without() -> None:
    by_key = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}, {"name": "B", "value": "b"}]
    may = [{"name": "C", "valueFrom": {"secretKeyRef": {"name": "may", "key": "k", "optional": True}}}]
    pod = {
        "initContainers": [{"name": "first", "envFrom": [{"secretRef": {"name": "all"}}, {"configMapRef": {}}]}],
        "containers": [{"name": "app", "env": by_key + may}],
        "volumes": [
            {"name": "v", "secret": {"secretName": "files"}},
            {"name": "w", "emptyDir": {}},
            {"name": "x", "projected": {"sources": [{"secret": {"name": "one-of-several"}}, {"configMap": {}}]}},
        ],
    }
    job = {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}
    assert secrets(job) == {"a", "all", "files", "one-of-several"}
    assert secrets({"kind": "Secret"}) == set()
