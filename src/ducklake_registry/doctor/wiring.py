"""How the nodes' containerd finds the registry under the names that people use."""

from __future__ import annotations

import re
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING

from ducklake_registry.cluster.wiring import CERTS_FOLDER, hosts_files, registry_names
from ducklake_registry.doctor.finding import Finding, Look, Remedy, not_applicable, sound
from ducklake_registry.doctor.patient import NODE_PORT

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.engine import Node

_LEADS_TO = re.compile(r'^\[host\."(.+)"\]', re.MULTILINE)
_FOLDER = "/etc/containerd"
_CONFIG = f"{_FOLDER}/config.toml"


def wiring(patient: Patient) -> Look:
    """Every node's containerd knows the registry by all its names."""
    if not patient.belongs or not patient.containers:
        return not_applicable("the nodes are not kind's")
    if not patient.is_local:
        return not_applicable("the nodes reach it as everybody does")
    running = [node for node in patient.containers if node.running]
    if not running:
        return Look("no node runs")
    with ThreadPool(len(running)) as pool:
        findings = pool.map(lambda node: _miswired(patient, node), running)
    return sound(f"the nodes know {patient.endpoint.name}", *findings)


def names_of(patient: Patient) -> tuple[str, ...]:
    """Return the names under which pods may call the registry."""
    return registry_names(patient.case.namespace, patient.mapped or patient.endpoint.port)


def _miswired(patient: Patient, node: Node) -> Finding | None:
    """Return what is wrong with the wiring of a node."""
    wanted = hosts_files(names_of(patient), node.name, NODE_PORT)
    found = patient.engine.files_in(node.name, _FOLDER)
    wrong = [path for path, text in wanted.items() if found.get(path) != text]
    repair = patient.case.deploy_kind(str(patient.kind_name), patient.mapped or patient.endpoint.port)
    if wrong:
        path = wrong[0]
        name, leads = path.split("/")[-2], _LEADS_TO.search(found.get(path, ""))
        how = f"is wired to {leads[1]} for {name}" if leads else f"is not wired for {name}"
        means = "its containerd asks the node itself, or an address of old, and pods there do not get their images"
        return Finding(f"node {node.name} {how}", means, repair, remedy=Remedy.WIRE_NODES)
    if CERTS_FOLDER not in found.get(_CONFIG, ""):
        means = f"its containerd does not read {CERTS_FOLDER}; kind's nodes do since v0.27"
        again = patient.case.dlr("destroy-kind", name=patient.kind_name)
        seen = f"node {node.name} has no config_path in {_CONFIG}"
        return Finding(seen, means, f"{again} && {repair}  # its images go")
    return None
