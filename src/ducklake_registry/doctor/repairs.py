"""What `--fix` does: each remedy as the steps of the commands that people would type."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ducklake_registry.cluster import kinds
from ducklake_registry.cluster.classes import DEFAULT_MARK
from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.kind import KindSpec
from ducklake_registry.doctor.finding import Remedy
from ducklake_registry.doctor.patient import NODE_PORT, SECONDS
from ducklake_registry.errors import ClusterError
from ducklake_registry.manifests import names
from ducklake_registry.settings import HOST_PORT
from ducklake_registry.step import Step
from ducklake_registry.waiting import NotYet, wait_for
from ducklake_registry.workflows.deploy_kind import DeployKind
from ducklake_registry.workflows.deploy_registry import DeployRegistry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.doctor.finding import Checkup
    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.step import Report
    from ducklake_registry.waiting import Deadline


def remedies(checkup: Checkup) -> list[Remedy]:
    """Return what can safely be done about the findings that follow from no other, in the links' order."""
    roots = (each.remedy for each in checkup.findings if each.follows_from is None)
    return list(dict.fromkeys(filter(None, roots)))


def steps(remedy: Remedy, patient: Patient, deadline: Deadline) -> Sequence[Step]:  # noqa: PLR0911 - a table
    """Return the steps of a remedy."""
    registry = DeployRegistry(Cluster(patient.context, patient.case.kubeconfig), patient.spec, deadline)
    replace = Step("Replace the registry's pods", registry.restart)
    roll_out = Step("Roll out the registry", registry.roll_out)
    match remedy:
        case Remedy.START_NODES:
            return [Step("Start the nodes", partial(_start, patient, deadline))]
        case Remedy.DEFAULT_CLASS:
            # The scheduler lets a pod that it has once refused for its claim wait for minutes.
            mark = Step("Mark the storage class as the default one", partial(_mark_class, patient, deadline))
            return [mark, replace]
        case Remedy.DEPLOY_REGISTRY:
            return registry.steps()
        case Remedy.RESTART:
            return [replace, roll_out]
    environment = _environment(patient, deadline)
    match remedy:
        case Remedy.DEPLOY_KIND:
            return environment.steps()
        case Remedy.ADD_CONTEXT:
            return [Step(f"Add the kube context {patient.context}", environment.add_context)]
        case Remedy.WIRE_NODES:
            return [Step(f"Wire the nodes for {patient.endpoint.name}", environment.wire)]
        case Remedy.LOAD_IMAGE:
            load = Step(f"Bring {environment.registry_image} into the nodes", environment.load_image)
            # A node lets a pod whose image it could not pull wait for minutes, too.
            return [load, replace, roll_out]


def _environment(patient: Patient, deadline: Deadline) -> DeployKind:
    """Return what `dlr deploy-kind` would make of the cluster, with what was chosen for it kept."""
    case, name = patient.case, patient.context.removeprefix("kind-")
    port = patient.mapped if patient.containers else None
    spec = KindSpec(name, port or (patient.endpoint.port if patient.is_local else HOST_PORT), NODE_PORT)
    return DeployKind(spec, patient.spec, case.engine, case.kubeconfig, deadline)


def _start(patient: Patient, deadline: Deadline, report: Report) -> str:
    """Let the nodes run again, and wait until the API server answers."""
    stopped = [node.name for node in patient.containers if not node.running]
    for name in stopped:
        report(name)
        patient.engine.start_container(name)

    def probe() -> bool | NotYet:
        try:
            return bool(Cluster(patient.context, patient.case.kubeconfig, SECONDS).version())
        except ClusterError as error:
            return NotYet(error.message)

    wait_for(f"the cluster of context {patient.context}", probe, deadline, report)
    return f"{len(stopped)} started"


def _mark_class(patient: Patient, deadline: Deadline, report: Report) -> str:
    """Mark the only storage class, and wait until the cluster has given it to the claim that waits for one."""
    (only,) = patient.cluster.objects(kinds.STORAGE_CLASS)
    name = only["metadata"]["name"]
    marked = {"name": name, "annotations": {DEFAULT_MARK: "true"}}
    version, kind = kinds.STORAGE_CLASS
    patient.cluster.apply({"apiVersion": version, "kind": kind, "metadata": marked})

    def probe() -> bool | NotYet:
        claim = patient.cluster.get(kinds.CLAIM, names.CLAIM, patient.case.namespace)
        return True if claim is None or claim["spec"].get("storageClassName") else NotYet("it has none yet")

    wait_for(f"the class of the claim {names.CLAIM}", probe, deadline, report)
    return str(name)
