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

    from ducklake_registry.cluster.commands import Commands
    from ducklake_registry.errors import DlrError
    from ducklake_registry.reports.registry_status import RegistryStatus

NEARLY_FULL = 256 * 1024**2
"""Bytes that a volume must have free: less does not take a layer of common size."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that keeps the registry from its work, and what to type about it."""

    what: str
    hint: str | None = None


def first_broken(status: RegistryStatus, errors: Mapping[str, DlrError], commands: Commands) -> Broken | None:
    """Return the first thing that is broken, None when all is well as far as it can be seen.

    `errors` says, for the parts of the report that could not be had, why. What we may not see is not broken.
    `commands` are those about this registry, to be typed.
    """
    for error in errors.values():
        if isinstance(error, ClusterUnreachable):
            said = f", although {status.outside.url} answers" if status.outside else ""
            return Broken(f"the cluster cannot be asked{said}: {error.message}", error.hint)
    rules = (rule for part, rule in _RULES if not isinstance(errors.get(part), AccessDenied))
    seen = _Seen(status, commands)
    return next(filter(None, (rule(seen) for rule in rules)), None)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is judged: each rule a method."""

    status: RegistryStatus
    commands: Commands

    def deployment(self) -> Broken | None:
        status, deploy = self.status, self.commands.dlr("deploy-registry")
        if status.deployment is None and "deployment" not in status.unavailable:
            what = f"there is no registry in namespace {status.namespace} of context {status.context}"
            if status.outside:
                what += f"; what answers at {status.registry} is another"
            return Broken(what, f"`{deploy}` deploys one")
        if status.deployment and status.deployment.wanted == 0:
            return Broken("the registry is scaled to 0 pods", f"start it again: {deploy}")
        return None

    def pods(self) -> Broken | None:
        context = self.status.context or ""
        for pod in self.status.pods:
            if pod.trouble:
                reason = pod.trouble.partition(": ")[0]  # all of it is with the pod, and may be long
                return Broken(f"pod {pod.name}: {reason}", hint_for(pod.trouble, self.commands, context))
        found = self.status.deployment
        if found and found.ready < found.wanted:
            what = f"{found.ready} of {found.wanted} pods ready"
            deploy = self.commands.dlr("deploy-registry")
            return Broken(what, f"if it does not get ready in a minute: {deploy} says why")
        return None

    def claim(self) -> Broken | None:
        status = self.status
        if status.claim is None:
            if status.deployment is None or "claim" in status.unavailable:
                return None
            return Broken("the registry's claim is gone", f"make it again: {self.commands.dlr('deploy-registry')}")
        if status.claim.phase == "Bound":
            return None
        # A class that binds on first use leaves the claim pending until a pod can be placed.
        describe = self.commands.kubectl(status.context or "", "describe pvc -n", status.namespace)
        return Broken(f"the claim {status.claim.name} is {status.claim.phase.lower()}", f"see why: {describe}")

    def services(self) -> Broken | None:
        status, named = self.status, {each.name for each in self.status.services}
        if status.deployment and "services" not in status.unavailable and status.deployment.name not in named:
            again = f"make it again: {self.commands.dlr('deploy-registry')}"
            return Broken(f"the service {status.deployment.name} is gone", again)
        return None

    def inside(self) -> Broken | None:
        if self.status.inside:
            return None
        why = self.status.unavailable.get("inside", "no reason given")
        look = f"see what the registry says: {self.commands.dlr('logs')}"
        return Broken(f"its service does not answer in the cluster: {why}", look)

    def disk(self) -> Broken | None:
        found = self.status.disk
        if found is None or found.free >= NEARLY_FULL:
            return None
        doctor = f"`{self.commands.dlr('doctor')}` says how images are deleted and their room freed"
        hint = f"{doctor}; or enlarge the volume, if its class can: {self._enlarge()}"
        return Broken(f"the volume is nearly full: {found.free // 1024**2} MiB free", hint)

    def _enlarge(self) -> str:
        """Return the command that makes the volume twice as large."""
        claim = self.status.claim
        size = f"{2 * max(1, -(-claim.size // 1024**3))}Gi" if claim else "N"
        return self.commands.dlr("deploy-registry", storage_size=size)

    def outside(self) -> Broken | None:
        status = self.status
        if status.outside:
            return None
        why = status.unavailable.get("outside", "no reason given")
        if status.published and status.published != status.registry:
            hint = f"this cluster's registry is published at another address: --registry {status.published}"
        else:
            forward = self.commands.dlr("port-forward")
            hint = f"name its address with --registry; without a reachable one: {forward}"
        return Broken(f"it runs, but is not to be reached from here: {why}", hint)


_RULES: tuple[tuple[str, Callable[[_Seen], Broken | None]], ...] = (
    ("deployment", _Seen.deployment),
    ("pods", _Seen.pods),
    ("claim", _Seen.claim),
    ("services", _Seen.services),
    ("inside", _Seen.inside),
    ("disk", _Seen.disk),
    ("outside", _Seen.outside),
)
