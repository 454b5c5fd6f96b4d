"""The registry's address: where it leads from this machine, and who else may listen there."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from ducklake_registry.cluster.kind import DEFAULT_NAME
from ducklake_registry.cluster.ports import forwards, holder_of, next_free
from ducklake_registry.doctor.finding import Finding, Look, sound
from ducklake_registry.doctor.patient import NODE_PORT
from ducklake_registry.errors import EngineError, RegistryError
from ducklake_registry.settings import HOST_PORT

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient

_SECONDS = 3.0
AIRTUNES = "AirTunes"
_AIRPLAY = ("ControlCenter", "ControlCe", "AirPlayXPCHelper")
_UNKNOWN = "another program"
_CONTAINER = "the container "
AIRPLAY_OFF = "turn AirPlay Receiver off (System Settings, General, AirDrop & Handoff)"


def host_port(patient: Patient) -> Look:
    """The registry's host and port take connections, and it is the registry that takes them."""
    host, port = patient.endpoint.host, patient.endpoint.port
    try:
        refusal = _refusal(host, port)
    except socket.gaierror as error:
        seen = f"no host is called {host!r}: {error.strerror}"
        means = "the name is misspelt, or this machine's DNS does not know it"
        return sound("", Finding(seen, means, f"getent hosts {host}"))
    if refusal:
        return sound("", _nobody(patient, refusal))
    if patient.is_local and patient.belongs and patient.kind_name and (other := _other(patient)):
        return sound("", other)
    return sound(f"{host}:{port} takes connections")


def _refusal(host: str, port: int) -> str | None:
    """Return why no address of a host takes connections, None if one does; raises OSError for a name of nobody."""
    refusals = []
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            with socket.socket(family, kind, protocol) as probe:  # which a machine without IPv6 may not have
                probe.settimeout(_SECONDS)
                probe.connect(address)
        except OSError as error:
            refusals.append(error.strerror or "no answer in time")
        else:
            return None
    return refusals[0]


def _nobody(patient: Patient, why: str) -> Finding:
    """Explain why nobody listens at the registry's address."""
    name, port = patient.endpoint.name, patient.endpoint.port
    seen = f"nothing takes connections at {name}: {why.lower()}"
    if not patient.is_local:
        means = "the registry is down, or a firewall or a missing VPN is between"
        return Finding(seen, means, f"curl -v {patient.endpoint.url}/v2/")
    if not patient.belongs:
        means = "no registry runs on this machine at that port"
        return Finding(seen, means, f"{patient.case.deploy_kind(DEFAULT_NAME, port)}  # makes one")
    with suppress(EngineError):
        if patient.containers:
            return _unmapped(patient, seen)
        if patient.kind_name and not patient.api_answers:
            means = "the cluster would lead that port to its registry"
            return Finding(seen, means, patient.case.deploy_kind(patient.kind_name, port))
    means = "nothing leads from this machine into the cluster, unless the port is forwarded"
    return Finding(seen, means, _forwarded(patient))


def _unmapped(patient: Patient, seen: str) -> Finding:
    """Explain why nobody listens although there are nodes: kind fixes what leads to them when it makes them."""
    if patient.mapped is None:
        means = (
            f"the kind cluster {patient.kind_name} was made without the registry's port mapping, and kind cannot "
            "add it: forward the port while you need it, or make the cluster anew (its images go)"
        )
        return Finding(seen, means, _forwarded(patient), independent=True)
    if patient.mapped != patient.endpoint.port:
        means = f"kind leads port {patient.mapped} of this machine to the registry"
        return Finding(seen, means, f"export DLR_REGISTRY=localhost:{patient.mapped}", independent=True)
    node = next(each.name for each in patient.containers if NODE_PORT in each.ports)
    return Finding(seen, "the engine does not lead the port to the node", f"docker restart {node}")


def _forwarded(patient: Patient) -> str:
    port = patient.endpoint.port
    return patient.case.dlr("port-forward", port=port if port != HOST_PORT else None)


def _other(patient: Patient) -> Finding | None:
    """Return who listens at the registry's port, if it is not the cluster."""
    port = patient.endpoint.port
    with suppress(EngineError):
        container = patient.engine.holder_of(port)
        ours = container in {node.name for node in patient.containers}
        if ours and patient.endpoint.host == "localhost":
            return _on_the_other_localhost(patient, port)
        if ours or forwards(port):
            return None
        holder = f"{_CONTAINER}{container}" if container else holder_of(port) or holder_of(port, "::1")
        return _held(patient, port, holder or _UNKNOWN)
    return None


def _on_the_other_localhost(patient: Patient, port: int) -> Finding | None:
    """`localhost` is two addresses, and most programs try ::1 first."""
    holder = holder_of(port, "::1")
    if holder is None or forwards(port, "::1"):
        return None
    seen = f"port {port} of localhost is held by {holder} too, at ::1"
    means = "kind's is at 127.0.0.1: programs that try ::1 first do not reach the registry"
    return Finding(seen, means, _ending(patient, holder, port), independent=True)


def _held(patient: Patient, port: int, holder: str) -> Finding:
    airplay = ", which is AirPlay" if _is_airplay(patient, holder) else ""
    seen = f"port {port} of this machine is held by {holder}{airplay}"
    if patient.mapped and patient.mapped != port:
        means = f"the cluster's registry is at localhost:{patient.mapped}"
        return Finding(seen, means, f"export DLR_REGISTRY=localhost:{patient.mapped}", independent=True)
    if patient.containers and patient.mapped is None:
        means = f"the kind cluster {patient.kind_name} does not map the registry's port: what answers is another"
        beside = next_free(port)
        forward = patient.case.dlr("port-forward", port=beside)
        return Finding(seen, means, f"{forward}  # and --registry localhost:{beside}", independent=True)
    means = "the cluster cannot have that port"
    return Finding(seen, means, _ending(patient, holder, port), independent=True)


def _ending(patient: Patient, holder: str, port: int) -> str:
    """Return how to get a port back from a program, or around it."""
    process = re.search(r"\(process (\d+)\)$", holder)
    if _is_airplay(patient, holder):
        way = AIRPLAY_OFF
    elif holder.startswith(_CONTAINER):
        way = f"docker stop {holder.removeprefix(_CONTAINER)}"
    else:
        way = f"kill {process[1]}" if process else f"end {holder}"
    if patient.containers:
        return way
    return f"{way}  # or {patient.case.deploy_kind(str(patient.kind_name), next_free(port))}"


def _is_airplay(patient: Patient, holder: str) -> bool:
    """Tell AirPlay by its program, or by what it answers: macOS does not tell everyone which program listens."""
    if holder.startswith(_AIRPLAY):
        return True
    with suppress(RegistryError):
        return patient.answer.header("server").startswith(AIRTUNES)
    return False
