"""The picture of all that runs in a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from ducklake_registry.display.tables import Cell, bad, good, section, table, unknown
from ducklake_registry.display.units import age, size

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ducklake_registry.reports.objects import Port, Service, Warned, Workload
    from ducklake_registry.reports.status import Status

_WARNINGS = 8


def status_picture(status: Status, *, everything: bool = False) -> Group:
    """Return the picture; of Kubernetes' own only what is in trouble, unless `everything` is asked for."""
    version = f", Kubernetes {status.version}" if status.version else ""
    head = Text.assemble((status.context, "bold"), f"  {status.server}{version}")
    return Group(
        head,
        _nodes(status),
        _workloads(status, everything),
        _services(status, everything),
        _claims(status),
        _warnings(status),
    )


def _nodes(status: Status) -> RenderableType:
    if reason := status.unavailable.get("nodes"):
        return section("Nodes", unknown(reason), ())
    rows = [
        (
            each.name,
            _state("ready" if each.ready else "not ready", each.trouble),
            ", ".join(each.roles) or "worker",
            each.version,
            age(each.created, status.seen),
        )
        for each in status.nodes
    ]
    ready = sum(each.ready for each in status.nodes)
    content = [table(("NAME", "STATUS", "ROLES", "VERSION", ">AGE"), rows)]
    return section("Nodes", _counted(ready, len(rows), "ready"), content)


def _state(word: str, trouble: str | None) -> Text:
    return bad(f"{word}: {trouble}") if trouble else good(word)


def _workloads(status: Status, everything: bool) -> RenderableType:
    if reason := status.unavailable.get("workloads"):
        return section("Workloads", unknown(reason), ())
    shown = [each for each in status.workloads if everything or not each.system or not each.whole]
    rows: list[tuple[Cell, ...]] = [
        (each.namespace, each.kind, _name(each), _ready(each), age(each.created, status.seen)) for each in shown
    ]
    content: list[RenderableType] = []
    if rows:
        content.append(table(("NAMESPACE", "KIND", "NAME", "READY", ">AGE"), rows))
    if hidden := [each for each in status.workloads if each not in shown]:
        places = ", ".join(dict.fromkeys(each.namespace for each in hidden))
        content.append(Text(f"and {len(hidden)} of Kubernetes' own, all ready, in {places}", "dim"))
    whole = sum(each.whole for each in status.workloads)
    return section("Workloads", _counted(whole, len(status.workloads), "ready"), content)


def _ready(each: Workload) -> Text:
    said = f"{each.ready}/{each.wanted}"
    if each.suspended:
        said = "suspended"
    elif each.schedule and not each.wanted:  # it has not run yet, or is at it
        said = "scheduled"
    return (good if each.whole else bad)(said)


def _name(each: Workload | Service) -> Text:
    return Text(each.name, "bold" if each.registry else "")


def _services(status: Status, everything: bool) -> RenderableType:
    if reason := status.unavailable.get("services"):
        return section("Services", unknown(reason), ())
    shown = [each for each in status.services if everything or not each.system]
    rows = [(each.namespace, _name(each), each.type, _ports(each)) for each in shown]
    hidden = len(status.services) - len(shown)
    content: list[RenderableType] = [table(("NAMESPACE", "NAME", "TYPE", "PORTS"), rows)] if rows else []
    if hidden:
        content.append(Text(f"and {hidden} of Kubernetes' own", "dim"))
    return section("Services", str(len(status.services)), content)


def _ports(service: Service) -> str:
    said = ", ".join(map(_port, service.ports)) or "none"
    return f"{said} at {', '.join(service.external)}" if service.external else said


def _port(port: Port) -> str:
    said = str(port.port) if port.protocol == "TCP" else f"{port.port}/{port.protocol.lower()}"
    return f"{said}, on the nodes {port.node_port}" if port.node_port else said


def _claims(status: Status) -> RenderableType:
    if reason := status.unavailable.get("claims"):
        return section("Claims", unknown(reason), ())
    rows: list[tuple[Cell, ...]] = [
        (
            each.namespace,
            each.name,
            (good if each.phase == "Bound" else bad)(each.phase.lower()),
            size(each.size),
            each.storage_class or "none",
        )
        for each in status.claims
    ]
    bound = sum(each.phase == "Bound" for each in status.claims)
    content = [table(("NAMESPACE", "NAME", "STATUS", ">SIZE", "CLASS"), rows)] if rows else []
    return section("Claims", _counted(bound, len(rows), "bound"), content)


def _warnings(status: Status) -> RenderableType:
    if reason := status.unavailable.get("warnings"):
        return section("Warnings", unknown(reason), ())
    rows = [
        (
            age(each.last_seen, status.seen),
            f"{each.count}x",
            f"{_about(each)}: {each.reason}: {each.message}",
        )
        for each in status.warnings[:_WARNINGS]
    ]
    more = len(status.warnings) - len(rows)
    count = f"{len(status.warnings)} in the last hour" + (f", the newest {len(rows)} of them" if more else "")
    content = [table((">AGO", ">SEEN", "ABOUT"), rows)] if rows else []
    return section("Warnings", count if rows else "none in the last hour", content)


def _about(warned: Warned) -> str:
    return f"{warned.namespace} {warned.object}" if warned.namespace else warned.object


def _counted(good_ones: int, total: int, word: str) -> Cell:
    if total == 0:
        return "none"
    return (good if good_ones == total else bad)(f"{good_ones} of {total} {word}")
