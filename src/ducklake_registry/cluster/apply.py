"""Making a cluster's objects what the manifests say, showing the difference first, and taking them away."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from ducklake_registry.cluster.client import kind_of
from ducklake_registry.cluster.kinds import NAMESPACE
from ducklake_registry.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object
    from ducklake_registry.step import Report

# What the server keeps for itself, and nobody compares.
_BOOKKEEPING = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp")


@dataclass(frozen=True, slots=True)
class Change:
    """What applying an object does or did: `outcome` is "created", "configured" or "unchanged".

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
    elif before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]:
        outcome = "unchanged"
    else:
        outcome = "configured"
    return Change(wanted["kind"], wanted["metadata"]["name"], outcome)


def preview(cluster: Cluster, wanted: list[Object]) -> list[Change]:
    """Return what applying these objects would do, by the server's own word where it can give it.

    A namespace that is not there yet cannot be asked about what will be in it: that is new as a whole.
    """
    named = {each["metadata"]["name"] for each in wanted if each["kind"] == "Namespace"}
    missing = {name for name in named if cluster.get(NAMESPACE, name) is None}
    return [_previewed(cluster, each, missing) for each in wanted]


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


def _previewed(cluster: Cluster, wanted: Object, missing: set[str]) -> Change:
    before = None if wanted["metadata"].get("namespace") in missing else _live(cluster, wanted)
    after = wanted if before is None else cluster.apply(wanted, dry_run=True)
    lines = _difference(_shown(before), _shown(after))
    outcome = "created" if before is None else "configured" if lines else "unchanged"
    return Change(wanted["kind"], wanted["metadata"]["name"], outcome, lines)


def _shown(each: Object | None) -> Object:
    """Return what people compare of an object; nothing of one that is not there."""
    if each is None:
        return {}
    metadata = {key: value for key, value in each["metadata"].items() if key not in _BOOKKEEPING}
    return {key: value for key, value in each.items() if key != "status"} | {"metadata": metadata}


def _difference(before: Object, after: Object) -> tuple[str, ...]:
    """Return the lines of a unified diff; none, in no time, where nothing differs."""
    if before == after:
        return ()
    lines = difflib.unified_diff(_lines(before), _lines(after), "on the cluster", "wanted", lineterm="", n=2)
    return tuple(lines)


def _lines(shown: Object) -> list[str]:
    return yaml.safe_dump(shown, sort_keys=True).splitlines() if shown else []
