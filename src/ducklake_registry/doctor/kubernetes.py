"""The cluster: its API, the registry's namespace, and the claim that its images are on."""

from __future__ import annotations

import shlex
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ducklake_registry.cluster import kind, kinds
from ducklake_registry.cluster.classes import DEFAULT_MARK, is_default_class
from ducklake_registry.cluster.contents import held_objects
from ducklake_registry.cluster.diagnosis import last_events
from ducklake_registry.cluster.kubeconfig import knows
from ducklake_registry.doctor.clock import skewed
from ducklake_registry.doctor.deploying import deploy_again
from ducklake_registry.doctor.finding import Finding, Look, Remedy, not_applicable, sound
from ducklake_registry.errors import AccessDenied, ClusterError, ClusterUnreachable, DlrError, EngineError
from ducklake_registry.manifests import names
from ducklake_registry.reports.objects import Claim
from ducklake_registry.reports.verdict import NEARLY_FULL

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.manifests import Object

ELSEWHERE = not_applicable("the registry is not in this cluster")
_MIB = 1024**2
_EXPIRED = "certificate has expired"
_NOT_YET = "certificate is not yet valid"
_KINDS_PROVISIONER = "rancher.io/local-path"


def api(patient: Patient) -> Look:
    """The API server answers, accepts us, and its clock is right."""
    if not patient.belongs:
        return ELSEWHERE
    try:
        version = patient.api_version
    except (ClusterUnreachable, AccessDenied) as error:
        return sound("", _unusable(patient, error))
    said = f"{version} at {patient.cluster.server}"
    return sound(said, skewed("the API server", patient.cluster.time(), datetime.now(UTC)))


def _unusable(patient: Patient, error: DlrError) -> Finding:
    """Tell a kubeconfig that does not fit the cluster from a cluster that does not answer."""
    name = patient.kind_name
    with suppress(DlrError):
        if name and patient.containers and not knows(patient.case.kubeconfig, kind.kubeconfig_of(name)):
            means = f"the kubeconfig does not know the cluster {name} as it is now"
            repair = patient.case.deploy_kind(name, patient.mapped or patient.endpoint.port)
            return Finding(error.message, means, repair, remedy=Remedy.ADD_CONTEXT)
    if wrong_clock := _wrong_clock(patient, error):
        return wrong_clock
    means = "nothing in the cluster can be seen or changed"
    repair = error.hint or "kubectl cluster-info"
    if _EXPIRED in error.message or isinstance(error, AccessDenied):
        means = "a certificate or token that opens the cluster is not valid now, or this machine's clock is wrong"
    with suppress(DlrError):
        if patient.containers:
            repair = _look_into(patient.containers[0].name, error)
    return Finding(error.message, means, repair)


def _wrong_clock(patient: Patient, error: DlrError) -> Finding | None:
    """Tell a certificate that is out of its time from a clock that is: the engine, who runs the nodes, knows."""
    if _EXPIRED not in error.message and _NOT_YET not in error.message:
        return None
    with suppress(DlrError, LookupError, ValueError):
        if patient.containers and (skew := skewed("the engine", _engine_time(patient), datetime.now(UTC))):
            return Finding(error.message, f"{skew.seen}, so {skew.means}", skew.repair)
    return None


def _engine_time(patient: Patient) -> datetime:
    return datetime.fromisoformat(patient.engine_info["SystemTime"])


def _look_into(node: str, error: DlrError) -> str:
    """Return how a kind cluster is made to answer, or asked why it does not."""
    if _EXPIRED in error.message or isinstance(error, AccessDenied):
        # Whoever holds a certificate reads it when it starts: the kubelet starts what is killed here again.
        return f"docker exec {node} sh -c 'kubeadm certs renew all && pkill \"etcd|kube-\"'"
    return f"docker restart {node}  # if it does not come up: docker logs --tail 20 {node}"


def namespace(patient: Patient) -> Look:
    """The registry's namespace is there, and not on its way out."""
    if not patient.belongs:
        return ELSEWHERE
    name = patient.case.namespace
    found = patient.cluster.get(kinds.NAMESPACE, name)
    if found is None:
        means = "the registry was never deployed here, or somebody removed it"
        return sound("", deploy_again(patient, f"there is no namespace {name}", means))
    if found["status"].get("phase") == "Terminating":
        return sound("", _ending(patient, found))
    return sound(name)


def _ending(patient: Patient, found: Object) -> Finding:
    """Tell what a namespace that is being deleted waits for, and how the registry is made anew then."""
    name = patient.case.namespace
    gone = patient.case.kubectl(patient.context, "wait --for=delete --timeout=5m", f"namespace/{name}")
    repair = f"{gone} && {patient.case.deploy_registry(patient.spec)}"
    if held := held_objects(patient.cluster, name):
        first, more = held[0], f", as is {len(held) - 1} more" if held[1:] else ""
        seen = (
            f"the namespace {name} is being deleted, but {first.resource} is held by {first.finalizers[0]}{more}"
        )
        means = "who has set that finalizer has not taken it off, and nothing new can be made in the namespace"
        off = ("--type merge --patch", shlex.quote('{"metadata": {"finalizers": null}}'))
        patch = patient.case.kubectl(patient.context, "patch", first.resource, "--namespace", name, *off)
        return Finding(seen, means, f"{patch} && {repair}")
    why = next((each["message"] for each in found["status"].get("conditions", ()) if _remains(each)), "")
    seen = f"the namespace {name} is being deleted{': ' if why else ''}{why}"
    return Finding(seen, "what was in it goes, and nothing new can be made there until that has ended", repair)


def _remains(condition: Object) -> bool:
    return str(condition["type"]).startswith("NamespaceContentRemaining") and condition["status"] == "True"


def claim(patient: Patient) -> Look:
    """The claim has a volume, and that has room."""
    if not patient.belongs:
        return ELSEWHERE
    if patient.claim is None:
        if patient.deployment is None:
            return not_applicable("there is no registry")
        seen, means = f"the claim {names.CLAIM} is gone", "the registry's pod has no volume to keep images on"
        return sound("", deploy_again(patient, seen, means))
    found = Claim.of(patient.claim)
    if found.phase != "Bound":
        return _unbound(patient, found)
    said = f"{found.name} is bound, {found.size // _MIB:,} MiB of class {found.storage_class or 'none'}"
    return sound(said, _full(patient))


def _full(patient: Patient) -> Finding | None:
    with suppress(ClusterError):  # a pod that cannot be asked is not the claim's trouble
        under = patient.disk
        if under and under.free < NEARLY_FULL:
            seen = f"the volume has {under.free // _MIB:,} of {under.size // _MIB:,} MiB free"
            means = "pushes fail: the registry has nowhere to put what comes"
            return Finding(seen, means, patient.case.free_some(patient.context, patient.registry))
    return None


def _unbound(patient: Patient, claim: Claim) -> Look:
    """Find out why a claim has no volume."""
    seen = f"the claim {claim.name} is {claim.phase.lower()}"
    describe = patient.case.kubectl(patient.context, "describe pvc", claim.name, "--namespace", claim.namespace)
    if claim.phase == "Lost":
        anew = _anew(patient, patient.case.deploy_registry(patient.spec))
        return sound("", Finding(seen, "its volume was deleted: the images are lost", anew))
    if claim.phase != "Pending":
        return sound("", Finding(seen, "it is on its way out", describe))
    return _pending(patient, claim, seen, describe)


def _pending(patient: Patient, claim: Claim, seen: str, describe: str) -> Look:
    """Find out who does not make a claim's volume."""
    classes = patient.cluster.objects(kinds.STORAGE_CLASS)
    known = {each["metadata"]["name"]: each for each in classes}
    if not known:
        return sound("", _without_classes(patient, seen))
    if claim.storage_class is None:
        return sound("", _no_class(patient, f"{seen}, and of no storage class", known))
    if claim.storage_class not in known:
        means = f"nobody makes its volume; the cluster has {', '.join(known)}"
        anew = _anew(patient, patient.case.dlr("deploy-registry", storage_class=next(iter(known))))
        return sound("", Finding(f"{seen}: there is no storage class {claim.storage_class}", means, anew))
    events = last_events(patient.cluster, claim.namespace, [claim.name], count=1)
    first_use = known[claim.storage_class].get("volumeBindingMode") == "WaitForFirstConsumer"
    if first_use and not any(each.startswith(("Provisioning", "ExternalProvisioning")) for each in events):
        return sound(f"{claim.name} gets its volume when the pod is placed")
    means = f"who provides the class {claim.storage_class} has not made its volume"
    kinds_own = known[claim.storage_class].get("provisioner") == _KINDS_PROVISIONER
    made = _kinds_provisioner(patient) if kinds_own else None
    repair = f"{made}  # see what it waits for: {describe}" if made else describe
    return sound("", Finding("; ".join((seen, *events)), means, repair))


def _anew(patient: Patient, deploy: str) -> str:
    """Return what gives up a claim that has no volume, and deploys the registry with another."""
    return f"{patient.case.dlr('clean-registry', delete_data=True)} && {deploy}"


def _without_classes(patient: Patient, seen: str) -> Finding:
    means = "the cluster has no storage class: nobody makes volumes"
    if patient.kind_name:
        again = patient.case.deploy_kind(patient.kind_name, patient.mapped or patient.endpoint.port)
        return Finding(seen, f"{means}; kind's own is gone", again, remedy=Remedy.DEPLOY_KIND)
    return Finding(seen, means, "install a storage provisioner, such as local-path-provisioner")


def _kinds_provisioner(patient: Patient) -> str | None:
    """Return what makes kind's own provisioner as it was; None on other clusters."""
    with suppress(EngineError):
        if patient.containers:
            there = f"docker exec {patient.containers[0].name} kubectl --kubeconfig /etc/kubernetes/admin.conf"
            return f"{there} apply --filename /kind/manifests/default-storage.yaml"
    return None


def _no_class(patient: Patient, seen: str, known: dict[str, Object]) -> Finding:
    if default := next((name for name, each in known.items() if is_default_class(each)), None):
        means = f"the default class {default} was made the default a moment ago"
        return Finding(seen, means, f"{patient.case.dlr('doctor')}  # in a minute")
    name = next(iter(known))
    means = "no class is marked as the default one, so nobody makes its volume"
    mark = (f"{DEFAULT_MARK}=true", "--overwrite")
    repair = patient.case.kubectl(patient.context, "annotate storageclass", name, *mark)
    return Finding(seen, means, repair, remedy=Remedy.DEFAULT_CLASS if len(known) == 1 else None)
