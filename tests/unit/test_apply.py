"""Differences as they are shown before anything is applied: without secrets, without what the server keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.cluster.apply import apply_all, preview
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.unit.fake_api import Answer, FakeApi, cluster_at, fake_api, refusal

if TYPE_CHECKING:
    from pathlib import Path

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "lake"}}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j", "namespace": "lake"},
    "spec": {"template": {"spec": {"containers": [{"name": "j", "image": "app@sha256:new"}]}}},
}
JOB_PATH = "/apis/batch/v1/namespaces/lake/jobs/j"
IMMUTABLE = refusal(422, 'Job.batch "j" is invalid: spec.template: field is immutable', "Invalid")


def differences(api: FakeApi, folder: Path, wanted: dict[str, Any]) -> tuple[str, str]:
    (found,) = preview(cluster_at(api.address, folder), [wanted])
    return found.outcome, "\n".join(found.difference)


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    live = SECRET | {"data": {"kept": "b25l", "changed": "dHdv", "gone": "dGhyZWU="}}
    noted = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": {"changed": "dHdv"}}'}
    live |= {"metadata": SECRET["metadata"] | {"annotations": noted}}  # type: ignore[operator]
    path = "/api/v1/namespaces/lake/secrets/s"
    with fake_api() as api:
        api.serve("v1", "Secret", "Namespace")
        api.answers[path] = Answer(body=live)
        api.answers[f"PATCH {path}"] = Answer(
            body=SECRET | {"data": {"kept": "b25l", "changed": "bmV3", "new": "eA=="}}
        )
        outcome, text = differences(api, tmp_path, SECRET | {"stringData": {"changed": "new"}})
    assert outcome == "configured"
    assert not [each for each in ("b25l", "dHdv", "dGhyZWU", "bmV3", "eA==") if each in text], text
    assert "-  changed: '*** (before)'" in text
    assert "+  changed: '*** (after)'" in text
    assert "-  gone: '*** (before)'" in text
    assert "   kept: '***'" in text


def test_a_new_secret_is_not_shown_either(tmp_path: Path) -> None:
    with fake_api() as api:
        api.serve("v1", "Secret", "Namespace")
        outcome, text = differences(api, tmp_path, SECRET | {"stringData": {"password": "hunter2"}})
    assert outcome == "created"
    assert "hunter2" not in text
    assert "+  password: '*** (after)'" in text


def test_a_job_of_another_image_is_made_anew_and_the_difference_is_what_is_wanted(tmp_path: Path) -> None:
    pod = {"containers": [{"name": "j", "image": "app@sha256:old", "terminationMessagePath": "/dev/log"}]}
    live = JOB | {"spec": {"template": {"spec": pod | {"dnsPolicy": "ClusterFirst"}}, "completions": 1}}
    with fake_api() as api:
        api.serve("batch/v1", "Job")
        api.answers[JOB_PATH], api.answers[f"PATCH {JOB_PATH}"] = Answer(body=live), IMMUTABLE
        outcome, text = differences(api, tmp_path, JOB)
    assert outcome == "replaced"
    changed = [line for line in text.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
    assert changed == ["-      - image: app@sha256:old", "+      - image: app@sha256:new"]


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "lake"},
    "spec": {"containers": [{"name": "p", "image": "app@sha256:new"}]},
}
FIXED = 'Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers`'


@pytest.mark.parametrize(
    ("image", "phase", "answer", "outcome"),
    [
        ("new", "Running", Answer(body=POD), "unchanged"),
        ("new", "Succeeded", Answer(body=POD), "unchanged"),
        ("new", "Failed", Answer(body=POD), "replaced"),
        ("old", "Running", Answer(body=POD), "replaced"),
        ("old", "Running", refusal(422, FIXED, "Invalid"), "replaced"),
    ],
)
def test_a_pod_that_is_to_run_something_else_or_has_failed_is_made_anew(
    image: str, phase: str, answer: Answer, outcome: str, tmp_path: Path
) -> None:
    path = "/api/v1/namespaces/lake/pods/p"
    spec = {"containers": [{"name": "p", "image": f"app@sha256:{image}"}]}
    with fake_api() as api:
        api.serve("v1", "Pod", "Namespace")
        api.answers[f"GET {path}"] = Answer(body=POD | {"spec": spec, "status": {"phase": phase}})
        api.answers[f"PATCH {path}"] = answer
        assert differences(api, tmp_path, POD)[0] == outcome


def test_a_job_that_has_failed_is_made_anew(tmp_path: Path) -> None:
    failed = JOB | {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    with fake_api() as api:
        api.serve("batch/v1", "Job")
        api.answers[f"GET {JOB_PATH}"] = Answer(body=failed)
        api.answers[f"PATCH {JOB_PATH}"] = Answer(body=JOB)
        plain = api.answer

        def answer(request: Any) -> Answer:
            if request.method == "DELETE":
                del api.answers[f"GET {JOB_PATH}"], api.answers[f"PATCH {JOB_PATH}"]
                api.answers[f"PATCH {JOB_PATH}"] = Answer(body=JOB)
                return Answer(body={"kind": "Status", "status": "Success"})
            return plain(request)

        api.answer = answer  # type: ignore[method-assign]
        cluster = cluster_at(api.address, tmp_path)
        assert apply_all(cluster, [JOB], Deadline(5), silent) == "1 replaced"


def test_what_names_no_namespace_is_in_the_contexts(tmp_path: Path) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {}}
    made = config | {"metadata": {"name": "c", "namespace": "default", "resourceVersion": "1"}}
    with fake_api() as api:
        api.serve("v1", "ConfigMap", "Namespace")
        api.answers["PATCH /api/v1/namespaces/default/configmaps/c"] = Answer(body=made)
        assert apply_all(cluster_at(api.address, tmp_path), [config], Deadline(5), silent) == "1 created"


def test_a_status_that_changes_meanwhile_is_no_change_of_ours(tmp_path: Path) -> None:
    path = "/api/v1/namespaces/lake/secrets/s"
    first, second = ({"name": "s", "namespace": "lake", "resourceVersion": version} for version in "12")
    before = SECRET | {"status": {"ready": 0}, "data": {}, "metadata": first}
    after = before | {"status": {"ready": 1}, "metadata": second}
    with fake_api() as api:
        api.serve("v1", "Secret", "Namespace")
        api.answers[f"GET {path}"], api.answers[f"PATCH {path}"] = Answer(body=before), Answer(body=after)
        assert apply_all(cluster_at(api.address, tmp_path), [SECRET], Deadline(5), silent) == "unchanged"
        api.answers[f"PATCH {path}"] = Answer(body=after | {"data": {"a": "b"}})
        assert apply_all(cluster_at(api.address, tmp_path), [SECRET], Deadline(5), silent) == "1 configured"
