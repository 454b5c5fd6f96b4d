"""Making a cluster's objects what the manifests say, showing the difference first, and taking them away."""

from __future__ import annotations

import copy
import difflib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml

from ducklake_registry.cluster.client import NotServed, kind_of
from ducklake_registry.cluster.kinds import CUSTOM_RESOURCE_DEFINITION, JOB, NAMESPACE, POD, Kind
from ducklake_registry.cluster.workload import condition
from ducklake_registry.errors import FieldImmutable
from ducklake_registry.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object
    from ducklake_registry.step import Report

# What the server keeps for itself, and nobody compares.
_BOOKKEEPING = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Change:
    """What applying an object does or did: `outcome` is "created", "configured", "replaced" or "unchanged".

    `difference` holds the lines of a unified diff, from what is on the cluster to what is wanted.
    """

    kind: str
    name: str
    outcome: str
    difference: tuple[str, ...] = ()


def label(each: Object) -> str:
    """Return how an object is named to a person: "Service docker-registry"."""
    return f"{each['kind']} {each['metadata']['name']}"


def is_there(cluster: Cluster, each: Object) -> bool:
    """Return whether the cluster has an object of this kind and name."""
    return _live(cluster, each) is not None


def apply(cluster: Cluster, wanted: Object) -> Change:
    """Apply one object; tell whether that made it, changed it or found it right."""
    before = _live(cluster, wanted)
    after = cluster.apply(wanted)
    if before is None:
        outcome = "created"
    elif _shown(before) == _shown(after):  # its version also changes with its status, which others write
        outcome = "unchanged"
    else:
        outcome = "configured"
    return Change(wanted["kind"], wanted["metadata"]["name"], outcome)


def apply_all(cluster: Cluster, wanted: Sequence[Object], deadline: Deadline, report: Report) -> str:
    """Apply objects in order, and return what came of them: "unchanged", or "2 created, 1 unchanged".

    A Job or Pod that has failed, or is to run something else, is deleted and made anew.
    """
    outcomes: Counter[str] = Counter()
    for each in wanted:
        report(label(each))
        outcomes[_apply_or_replace(cluster, placed(cluster, each), deadline, report).outcome] += 1
        if kind_of(each) == CUSTOM_RESOURCE_DEFINITION:
            _wait_until_served(cluster, each, deadline, report)
    if set(outcomes) <= {"unchanged"}:
        return "unchanged"
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())


def _apply_or_replace(cluster: Cluster, wanted: Object, deadline: Deadline, report: Report) -> Change:
    if not _is_to_be_replaced(cluster, wanted):
        return apply(cluster, wanted)
    remove(cluster, [wanted], deadline, report)
    return replace(apply(cluster, wanted), outcome="replaced")


def placed(cluster: Cluster, wanted: Object) -> Object:
    """Return an object with its namespace: the context's, if it is of a kind that has one and names none."""
    if wanted["metadata"].get("namespace") or not cluster.is_namespaced(kind_of(wanted)):
        return wanted
    return wanted | {"metadata": wanted["metadata"] | {"namespace": cluster.namespace}}


def preview(cluster: Cluster, wanted: list[Object]) -> list[Change]:
    """Return what applying these objects would do, by the server's own word where it can give it.

    A namespace that is not there yet cannot be asked about what will be in it, nor a kind that is not about its
    objects: those are new as a whole.
    """
    named = {each["metadata"]["name"] for each in wanted if each["kind"] == "Namespace"}
    missing = {name for name in named if cluster.get(NAMESPACE, name) is None}
    coming = {kind for each in wanted if kind_of(each) == CUSTOM_RESOURCE_DEFINITION for kind in _defined(each)}
    return [_previewed(cluster, each, missing, coming) for each in wanted]


def remove(cluster: Cluster, unwanted: list[Object], deadline: Deadline, report: Report) -> list[str]:
    """Delete these objects, the last first, wait until they are gone, and return the names of those that were."""
    removed = []
    for each in reversed(unwanted):
        name, namespace = each["metadata"]["name"], each["metadata"].get("namespace")
        report(label(each))
        if cluster.delete(kind_of(each), name, namespace):
            removed.append(label(each))
            wait_until_gone(cluster, each, deadline, report)
    return removed


def wait_until_gone(cluster: Cluster, each: Object, deadline: Deadline, report: Report) -> None:
    """Wait until the cluster has an object no longer. Raises TimeoutExpired that says what holds it."""

    def probe() -> bool | NotYet:
        live = _live(cluster, each)
        if live is None:
            return True
        holders = live["metadata"].get("finalizers") or live.get("spec", {}).get("finalizers") or ()
        return NotYet(f"{label(each)} is still there" + (f", held by {', '.join(holders)}" if holders else ""))

    wait_for(f"the end of {label(each)}", probe, deadline, report)


def _live(cluster: Cluster, each: Object) -> Object | None:
    return cluster.get(kind_of(each), each["metadata"]["name"], each["metadata"].get("namespace"))


def _defined(definition: Object) -> list[Kind]:
    """Return the kinds that a CustomResourceDefinition makes."""
    spec = definition["spec"]
    served = [each["name"] for each in spec["versions"] if each.get("served")]
    return [Kind(f"{spec['group']}/{version}", spec["names"]["kind"]) for version in served]


def _wait_until_served(cluster: Cluster, definition: Object, deadline: Deadline, report: Report) -> None:
    def probe() -> bool | NotYet:
        try:
            for kind in _defined(definition):
                cluster.is_namespaced(kind)
        except NotServed as error:
            return NotYet(error.message)
        return True

    wait_for(label(definition), probe, deadline, report)


def _is_to_be_replaced(cluster: Cluster, wanted: Object) -> bool:
    """Return whether an object is a Job or Pod that cannot become what is wanted: what they run is fixed.

    A Pod's image can be changed, but nobody could then tell when it is the new one that is ready.
    """
    kind = kind_of(wanted)
    if kind not in {JOB, POD} or (live := _live(cluster, wanted)) is None:
        return False
    try:
        after = cluster.apply(wanted, dry_run=True)
    except FieldImmutable:
        return True
    status = live.get("status", {})
    if kind == POD:
        return bool(after["spec"] != live["spec"] or status.get("phase") == "Failed")
    return condition(status, "Failed") is not None


def _previewed(cluster: Cluster, wanted: Object, missing: set[str], coming: set[Kind]) -> Change:
    try:
        wanted = placed(cluster, wanted)
        before = None if wanted["metadata"].get("namespace") in missing else _live(cluster, wanted)
    except NotServed:
        if kind_of(wanted) not in coming:
            raise
        before = None
    if before is not None and _is_to_be_replaced(cluster, wanted):
        lines = _diff(_shaped(before, wanted), wanted)
        return Change(wanted["kind"], wanted["metadata"]["name"], "replaced", lines)
    after = wanted if before is None else cluster.apply(wanted, dry_run=True)
    lines = _diff(before, after)
    outcome = "created" if before is None else "configured" if lines else "unchanged"
    return Change(wanted["kind"], wanted["metadata"]["name"], outcome, lines)


def _diff(before: Object | None, after: Object) -> tuple[str, ...]:
    old, new = _shown(before), _shown(after)
    if after["kind"] == "Secret":
        _hide(old, new)
    if old == new:
        return ()  # to write both down to find that out takes long
    lines = difflib.unified_diff(_lines(old), _lines(new), "on the cluster", "wanted", lineterm="", n=2)
    return tuple(lines)


def _shown(each: Object | None) -> Object:
    """Return what of an object is compared."""
    shown = copy.deepcopy(each or {})
    shown.pop("status", None)
    metadata = shown.get("metadata", {})
    for key in _BOOKKEEPING:
        metadata.pop(key, None)
    if annotations := metadata.get("annotations"):
        annotations.pop(_LAST_APPLIED, None)
    return shown


def _hide(old: Object, new: Object) -> None:
    """Put stars in the place of a Secret's values, so that one sees only which of them change."""
    for key in ("data", "stringData"):
        before, after = old.get(key) or {}, new.get(key) or {}
        same = {name for name in before if before[name] == after.get(name)}
        old |= {key: {name: "***" if name in same else "*** (before)" for name in before}} if before else {}
        new |= {key: {name: "***" if name in same else "*** (after)" for name in after}} if after else {}


def _shaped(live: Any, wanted: Any) -> Any:
    """Return what an object on the cluster has in those fields that are wanted of it."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {key: _shaped(live[key], value) for key, value in wanted.items() if key in live}
    if isinstance(live, list) and isinstance(wanted, list):
        return [_shaped(one, other) for one, other in zip(live, wanted, strict=False)]
    return live


def _lines(each: Object) -> list[str]:
    return yaml.safe_dump(each, sort_keys=True).splitlines() if each else []
