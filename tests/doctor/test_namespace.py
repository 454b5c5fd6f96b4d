"""What the doctor says of a namespace that is being deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.cluster.contents import Held
from ducklake_registry.cluster.kinds import CONFIG_MAP
from ducklake_registry.doctor import kubernetes
from tests.doctor.patients import CONTEXT, only, patient

if TYPE_CHECKING:
    import pytest

    from ducklake_registry.doctor.finding import Finding

REMAINING = "Some resources are remaining: pods. has 1 resource instances"
GOING = {
    "metadata": {"name": "storage"},
    "status": {
        "phase": "Terminating",
        "conditions": [{"type": "NamespaceContentRemaining", "status": "True", "message": REMAINING}],
    },
}
AGAIN = f"kubectl --context {CONTEXT} wait --for=delete --timeout=5m namespace/storage && dlr deploy-registry"


def found(monkeypatch: pytest.MonkeyPatch, *held: Held) -> Finding:
    made = patient(api_version="v1.34.4", deployment=None, services={})
    monkeypatch.setattr(type(made.cluster), "get", lambda *_: GOING)
    monkeypatch.setattr(kubernetes, "held_objects", lambda *_: list(held))
    return only(kubernetes.namespace(made))


def test_what_is_on_its_way_out_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    going = found(monkeypatch)
    assert going.seen == f"the namespace storage is being deleted: {REMAINING}"
    assert going.repair == AGAIN


def test_what_holds_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(CONFIG_MAP, "held", ("example.com/hold",))
    one, two = found(monkeypatch, held), found(monkeypatch, held, held)
    assert one.seen == "the namespace storage is being deleted, but configmap/held is held by example.com/hold"
    assert two.seen == f"{one.seen}, as is 1 more"
    free = f"""kubectl --context {CONTEXT} patch configmap/held --namespace storage --type merge --patch"""
    assert one.repair == f'{free} \'{{"metadata": {{"finalizers": null}}}}\' && {AGAIN}'
    assert one.remedy is None, "who has set it may still have to do something"
