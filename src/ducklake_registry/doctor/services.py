"""From the pod to the nodes: the services, and the port that every node offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.doctor.deploying import deploy_again
from ducklake_registry.doctor.finding import Finding, Look, Severity, sound
from ducklake_registry.doctor.kubernetes import ELSEWHERE
from ducklake_registry.doctor.patient import NODE_PORT
from ducklake_registry.errors import ClusterError
from ducklake_registry.manifests import names

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.manifests import Object


def service(patient: Patient) -> Look:
    """The cluster reaches the registry by its service's name."""
    if not patient.belongs:
        return ELSEWHERE
    if finding := _misled(patient, names.SERVICE):
        return sound("", finding)
    path = f"/api/v1/namespaces/{patient.case.namespace}/services/{names.SERVICE}:registry/proxy/"
    try:
        patient.cluster.raw(path)
    except ClusterError as error:
        seen = f"the service {names.SERVICE} does not answer: {error.message}"
        return sound("", deploy_again(patient, seen, "pods that call the registry by its name do not reach it"))
    return sound(f"{names.SERVICE}.{patient.case.namespace}.svc.cluster.local:{names.PORT} answers")


def node_port(patient: Patient) -> Look:
    """Every node leads its port to the registry."""
    if not patient.belongs:
        return ELSEWHERE
    if finding := _misled(patient, names.NODE_PORT_SERVICE):
        return sound("", finding)
    ports = patient.services[names.NODE_PORT_SERVICE]["spec"].get("ports") or ()
    port = next((each["nodePort"] for each in ports if "nodePort" in each), None)
    if patient.mapped and port != NODE_PORT:
        seen = f"the service {names.NODE_PORT_SERVICE} is on node port {port}, not {NODE_PORT}"
        means = f"kind leads this machine's port {patient.mapped} to node port {NODE_PORT}, where nobody is"
        return sound("", deploy_again(patient, seen, means))
    if port is None:
        seen = f"the service {names.NODE_PORT_SERVICE} has no node port"
        return sound("", deploy_again(patient, seen, "neither this machine nor the nodes reach the registry"))
    if port == NODE_PORT and patient.silent:
        seen = f"node port {port} does not answer on {', '.join(patient.silent)}"
        means = "the node's kube-proxy does not lead it to the registry's pod"
        repair = patient.case.kubectl(
            patient.context, "--namespace kube-system rollout restart daemonset/kube-proxy"
        )
        return sound("", Finding(seen, means, repair))
    return sound(f"port {port} of the nodes leads to it")


def _misled(patient: Patient, name: str) -> Finding | None:
    """Return what keeps a service from leading to the registry's pods."""
    found = patient.services.get(name)
    if found is None:
        if patient.deployment is None:
            return deploy_again(patient, f"the service {name} is not there", "nothing leads to the registry")
        if name == names.NODE_PORT_SERVICE and not patient.kind_name:
            means = "nodes pull by another way, if they do"
            seen = f"there is no service {name}"
            return Finding(seen, means, patient.case.deploy_registry(patient.spec), Severity.WARNING)
        return deploy_again(patient, f"the service {name} is gone", "nothing leads to the registry")
    wanted = found["spec"].get("selector") or {}
    pods = patient.pods
    if pods and not any(_has(pod, wanted) for pod in pods):
        labels = ",".join(f"{key}={value}" for key, value in wanted.items())
        seen = f"the service {name} looks for pods with {labels or 'no labels'}, which the registry's have not"
        return deploy_again(patient, seen, "it leads nowhere")
    if patient.ready_pod is None:
        means = "a service leads to pods that are ready, and to nobody else"
        return Finding(f"no pod is behind the service {name}", means, patient.case.dlr("registry-status"))
    return None


def _has(pod: Object, wanted: dict[str, str]) -> bool:
    return bool(wanted) and wanted.items() <= pod["metadata"].get("labels", {}).items()
