"""Deploying the registry on any cluster: its objects, and the wait until it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ducklake_registry.cluster.apply import Change, apply_all, preview, wait_until_gone
from ducklake_registry.cluster.classes import is_default_class
from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.diagnosis import is_held_back
from ducklake_registry.cluster.kinds import CLAIM, CONFIG_MAP, DEPLOYMENT, POD, SERVICE, STORAGE_CLASS
from ducklake_registry.cluster.rollout import Workload, follow
from ducklake_registry.cluster.workload import newest_pods, progress
from ducklake_registry.errors import AccessDenied, ClusterError
from ducklake_registry.manifests import (
    RegistrySpec,
    chosen_spec,
    find,
    names,
    parse_quantity,
    patched,
    registry_objects,
    usual_spec,
)
from ducklake_registry.step import Step

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object
    from ducklake_registry.step import Report
    from ducklake_registry.waiting import Deadline

DEPLOYMENT_NAME = names.DEPLOYMENT
CLAIM_NAME = names.CLAIM
DEFAULT_NAMESPACE = names.NAMESPACE


@dataclass(frozen=True, slots=True)
class DeployRegistry:
    """The registry on a cluster as `spec` wants it, all waiting done by `deadline`.

    With `keep_limits`, a limit of memory or processor time that `spec` is silent about stays what it is there.
    """

    cluster: Cluster
    spec: RegistrySpec
    deadline: Deadline
    keep_limits: bool = False

    @property
    def namespace(self) -> str:
        """The namespace that the registry is in."""
        return self.spec.namespace or DEFAULT_NAMESPACE

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        return [
            Step(f"Apply the manifests to namespace {self.namespace}", self.apply),
            Step("Roll out the registry", self.roll_out),
        ]

    def objects(self) -> list[Object]:
        """Return the objects as they will be applied, with the claim that is there taken into account.

        Raises ClusterError for a claim that cannot become what is asked for.
        """
        claim = self._claim()
        storage_class = _settled_class(self.cluster, self.spec, claim)
        size = _settled_size(self.cluster, self.spec, claim)
        spec = replace(self._kept(), storage_size=size, storage_class=storage_class)
        return patched(registry_objects(), spec)

    def _kept(self) -> RegistrySpec:
        """Return what is wanted, with the limits of the registry that is there if they are to stay."""
        if not self.keep_limits:
            return self.spec
        there = chosen_spec(self._deployment(), None)
        return replace(self.spec, memory=self.spec.memory or there.memory, cpu=self.spec.cpu or there.cpu)

    def forgotten(self) -> str:
        """Say what the registry that is there would lose, since nobody says that it is to stay; "" for nothing."""
        try:
            deployment = self._deployment()
            service = self.cluster.get(SERVICE, names.NODE_PORT_SERVICE, self.namespace)
        except AccessDenied:
            return ""  # who may not look may still apply
        return _losses(self.spec, chosen_spec(deployment, service), usual_spec())

    def preview(self) -> list[Change]:
        """Return what applying would change, object by object."""
        return preview(self.cluster, self.objects())

    def apply(self, report: Report) -> str:
        """Apply every object; the outcome counts them, and the pods that had to go besides."""
        before, there, claim = self._configuration(), self._deployment(), self._claim()
        outcome = apply_all(self.cluster, self.objects(), self.deadline, report)
        now = self._deployment()
        # Its check sum rolls the pods; not if somebody has changed the ConfigMap alone, which is now as it was.
        stale = before not in {None, self._configuration()}
        same_pods = _generation(there) == _generation(now)
        # The scheduler lets a pod that it has once refused for its claim wait for minutes.
        if (claim and _lacks_class(claim)) or (same_pods and (stale or self._is_held_back(now))):
            return f"{outcome}; pods: {self.restart(report)}"
        return outcome

    def _claim(self) -> Object | None:
        return self.cluster.get(CLAIM, CLAIM_NAME, self.namespace)

    def _configuration(self) -> str | None:
        """Return the registry's configuration as it is on the cluster."""
        found = self.cluster.get(CONFIG_MAP, names.CONFIG, self.namespace)
        return found.get("data", {}).get("config.yml") if found else None

    def _deployment(self) -> Object | None:
        return self.cluster.get(DEPLOYMENT, DEPLOYMENT_NAME, self.namespace)

    def _is_held_back(self, deployment: Object | None) -> bool:
        """Return whether a pod waits for its next try: what it failed for may be mended by now."""
        if deployment is None or progress(deployment, DEPLOYMENT.name).complete:
            return False
        return any(map(is_held_back, newest_pods(self.cluster, deployment)))

    def restart(self, report: Report) -> str:
        """Replace the pods: the registry reads its configuration only when it starts."""
        deployment = self._deployment()
        pods = newest_pods(self.cluster, deployment) if deployment else []
        for pod in pods:
            report(f"pod {pod['metadata']['name']}")
            self.cluster.delete(POD, pod["metadata"]["name"], self.namespace)
        for pod in pods:
            wait_until_gone(self.cluster, {"apiVersion": "v1", "kind": "Pod"} | pod, self.deadline, report)
        return f"{len(pods)} replaced"

    def roll_out(self, report: Report) -> str:
        """Wait until the registry's pods are the newest and ready."""
        workload = Workload(DEPLOYMENT, self.namespace, DEPLOYMENT_NAME)
        follow(self.cluster, [workload], self.deadline, report)
        return "ready"


# What is chosen by an option and not kept by the cluster itself, as people call it.
_CHOICES = {"image": "--registry-image", "node_port": "--node-port", "memory": "--memory", "cpu": "--cpu"}


def _losses(wanted: RegistrySpec, there: RegistrySpec, usual: RegistrySpec) -> str:
    """Return what goes back to its default, and how it is kept."""
    changed = {
        option: (field.replace("_", " "), getattr(there, field), getattr(usual, field))
        for field, option in _CHOICES.items()
        if getattr(wanted, field) is None and _differ(field, getattr(there, field), getattr(usual, field))
    }
    if not changed:
        return ""
    said = ", ".join(f"{name} goes from {old} to {new}" for name, old, new in changed.values())
    keep = " ".join(f"{option} {old}" for option, (_, old, _) in changed.items())
    return f"{said}; say {keep} to keep {'it' if len(changed) == 1 else 'them'}"


def _differ(field: str, there: str | int | None, usual: str | int) -> bool:
    if there is None:
        return False
    if field in {"memory", "cpu"}:
        return parse_quantity(str(there)) != parse_quantity(str(usual))
    return there != usual


def _settled_class(cluster: Cluster, spec: RegistrySpec, claim: Object | None) -> str | None:
    """Return the storage class to ask for: a claim keeps its own, and one that waits for any is given it."""
    wanted = spec.storage_class
    if claim is None or _lacks_class(claim):
        usable = _usable_class(cluster, wanted)
        return usable if claim else wanted
    # Who chose it once need not say so again: to leave out what was applied is to remove it.
    name: str | None = claim["spec"].get("storageClassName")
    if wanted not in {None, name}:
        raise ClusterError(
            f"the claim {CLAIM_NAME} is of the storage class {name}, and a claim keeps its class",
            hint=f"leave --storage-class out, or give up its images first: {_giving_up(cluster, claim)}",
        )
    return name


def _generation(deployment: Object | None) -> int | None:
    """Return how often a Deployment was changed; an applied one that is as it was is none the older."""
    return int(deployment["metadata"]["generation"]) if deployment else None


def _lacks_class(claim: Object) -> bool:
    pending = claim.get("status", {}).get("phase") == "Pending"
    return pending and claim["spec"].get("storageClassName") is None


def _giving_up(cluster: Cluster, claim: Object) -> str:
    return Commands.of(cluster, claim["metadata"]["namespace"]).dlr("clean-registry", delete_data=True)


def _settled_size(cluster: Cluster, spec: RegistrySpec, claim: Object | None) -> str | None:
    """Return the size to ask for: a volume that was enlarged stays so, and none can shrink."""
    if claim is None:
        return spec.storage_size
    name, size = claim["spec"].get("storageClassName"), claim["spec"]["resources"]["requests"]["storage"]
    wanted = spec.storage_size or _default_size()
    if parse_quantity(wanted) == parse_quantity(size):
        return spec.storage_size
    if parse_quantity(wanted) > parse_quantity(size):
        return _expanded(cluster, name, size, wanted) if spec.storage_size else size
    if spec.storage_size:
        raise ClusterError(
            f"the claim {CLAIM_NAME} has {size}, and a volume cannot shrink to {wanted}",
            hint=f"leave --storage-size out, or give up its images first: {_giving_up(cluster, claim)}",
        )
    return str(size)


def _default_size() -> str:
    claim = find(registry_objects(), "PersistentVolumeClaim", CLAIM_NAME)
    return str(claim["spec"]["resources"]["requests"]["storage"])


def _expanded(cluster: Cluster, storage_class: str | None, size: str, wanted: str) -> str:
    found = cluster.get(STORAGE_CLASS, storage_class) if storage_class else None
    if not found or not found.get("allowVolumeExpansion"):
        raise ClusterError(
            f"the storage class {storage_class} cannot enlarge a volume (from {size} to {wanted})",
            hint="deploy to a cluster whose class can; on kind the size is not enforced, so none is needed",
        )
    return wanted


def _usable_class(cluster: Cluster, wanted: str | None) -> str | None:
    """Return the class that is wanted or else the default one; None where we may not see which there are."""
    try:
        classes = cluster.objects(STORAGE_CLASS)
    except AccessDenied:
        return wanted  # who may not see the classes finds out from the claim
    names = [each["metadata"]["name"] for each in classes]
    choice = f"--storage-class NAME: {', '.join(names)}" if names else "install a storage provisioner first"
    if wanted is not None and wanted not in names:
        raise ClusterError(f"the cluster has no storage class {wanted!r}", hint=choice)
    usable = wanted or next((each["metadata"]["name"] for each in classes if is_default_class(each)), None)
    if usable is None:
        raise ClusterError("the cluster has no default storage class for the registry's volume", hint=choice)
    return str(usable)
