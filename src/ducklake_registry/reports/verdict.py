"""What is wrong with a registry, by rules in the order in which things depend on each other.

Each rule looks at one thing and tells that it is broken, or nothing. The first that does gives the verdict: what
comes after it is often broken only because of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.diagnosis import hint_for
from ducklake_registry.errors import AccessDenied, ClusterUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ducklake_registry.errors import DlrError
    from ducklake_registry.reports.registry_status import RegistryStatus

NEARLY_FULL = 256 * 1024**2
"""Bytes that a volume must have free: less does not take a layer of common size."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that keeps the registry from its work, and what to type about it."""

    what: str
    hint: str | None = None


def first_broken(status: RegistryStatus, errors: Mapping[str, DlrError]) -> Broken | None:
    """Return the first thing that is broken, None when all is well as far as it can be seen.

    `errors` says, for the parts of the report that could not be had, why. What we may not see is not broken.
    """
    for error in errors.values():
        if isinstance(error, ClusterUnreachable):
            said = f", although {status.outside.url} answers" if status.outside else ""
            return Broken(f"the cluster cannot be asked{said}: {error.message}", error.hint)
    rules = (rule for part, rule in _RULES if not isinstance(errors.get(part), AccessDenied))
    return next(filter(None, (rule(status) for rule in rules)), None)


def _deployment(status: RegistryStatus) -> Broken | None:
    if status.deployment is None and "deployment" not in status.unavailable:
        what = f"there is no registry in namespace {status.namespace} of context {status.context}"
        if status.outside:
            what += f"; what answers at {status.registry} is another"
        return Broken(what, "`dlr deploy-registry` deploys one")
    if status.deployment and status.deployment.wanted == 0:
        return Broken("the registry is scaled to 0 pods", "start it again: dlr deploy-registry")
    return None


def _claim(status: RegistryStatus) -> Broken | None:
    describe = f"see why: kubectl describe pvc -n {status.namespace}"
    if status.claim is None:
        if status.deployment is None or "claim" in status.unavailable:
            return None
        return Broken("the registry's claim is gone", "make it again: dlr deploy-registry")
    if status.claim.phase == "Bound":
        return None
    # A class that binds on first use leaves the claim pending until a pod can be placed.
    return Broken(f"the claim {status.claim.name} is {status.claim.phase.lower()}", describe)


def _pods(status: RegistryStatus) -> Broken | None:
    for pod in status.pods:
        if pod.trouble:
            reason = pod.trouble.partition(": ")[0]  # all of it is with the pod, and may be long
            return Broken(f"pod {pod.name}: {reason}", hint_for(pod.trouble, status.namespace))
    found = status.deployment
    if found and found.ready < found.wanted:
        what = f"{found.ready} of {found.wanted} pods ready"
        return Broken(what, "if it does not get ready in a minute: dlr deploy-registry says why")
    return None


def _services(status: RegistryStatus) -> Broken | None:
    named = {each.name for each in status.services}
    if status.deployment and "services" not in status.unavailable and status.deployment.name not in named:
        return Broken(f"the service {status.deployment.name} is gone", "make it again: dlr deploy-registry")
    return None


def _disk(status: RegistryStatus) -> Broken | None:
    if status.disk and status.disk.free < NEARLY_FULL:
        what = f"the volume is nearly full: {status.disk.free // 1024**2} MiB free"
        return Broken(what, "`dlr doctor` says how images are deleted and their room freed; or enlarge the volume")
    return None


def _outside(status: RegistryStatus) -> Broken | None:
    if status.outside:
        return None
    why = status.unavailable.get("outside", "no reason given")
    if status.published and status.published != status.registry:
        hint = f"this cluster's registry is published at another address: --registry {status.published}"
    else:
        hint = "name its address with --registry; without a reachable one: dlr port-forward"
    return Broken(f"it runs, but is not to be reached from here: {why}", hint)


def _inside(status: RegistryStatus) -> Broken | None:
    if status.inside:
        return None
    why = status.unavailable.get("inside", "no reason given")
    return Broken(f"its service does not answer in the cluster: {why}", "see what the registry says: dlr logs")


_RULES: tuple[tuple[str, Callable[[RegistryStatus], Broken | None]], ...] = (
    ("deployment", _deployment),
    ("pods", _pods),
    ("claim", _claim),
    ("services", _services),
    ("inside", _inside),
    ("disk", _disk),
    ("outside", _outside),
)
