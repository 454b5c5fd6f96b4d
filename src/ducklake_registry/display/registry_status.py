"""The picture of how the registry is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ducklake_registry.display.tables import Cell, bad, good, unknown
from ducklake_registry.display.units import age, milliseconds, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ducklake_registry.reports.objects import Pod, Service
    from ducklake_registry.reports.registry_status import Answer, RegistryStatus

Row = tuple[str, Cell]


def registry_status_picture(status: RegistryStatus) -> Group:
    """Return a line for each part, and the verdict under them."""
    where = f"context {status.context}, namespace {status.namespace}" if status.context else status.registry
    parts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    parts.add_column(no_wrap=True)
    parts.add_column(overflow="fold")
    in_cluster = (_deployment, _pods, _services, _volume) if status.context else (_cluster,)
    for part in (*in_cluster, _answers, _repositories, _usage):
        for title, said in part(status):
            parts.add_row(Text(title, "dim"), Text(said) if isinstance(said, str) else said)
    return Group(Text(where, "bold"), Padding(parts, (0, 0, 0, 2), expand=False), Text(""), _verdict(status))


def _verdict(status: RegistryStatus) -> Text:
    said = good(status.verdict) if status.healthy else bad(status.verdict)
    if status.hint:
        said.append("\nhint: ", "bold cyan").append(status.hint)
    return said


def _cluster(status: RegistryStatus) -> Iterator[Row]:
    yield "cluster", _missing(status, "cluster")


def _deployment(status: RegistryStatus) -> Iterator[Row]:
    found = status.deployment
    if found:
        mark = good if found.ready >= found.wanted > 0 else bad
        yield "deployment", Text.assemble(mark(f"{found.ready} of {found.wanted} ready"), f", {found.image}")
    else:
        yield "deployment", _missing(status, "deployment")


def _pods(status: RegistryStatus) -> Iterator[Row]:
    if not status.pods:
        yield "pod", _missing(status, "pods")
    for pod in status.pods:
        yield "pod", _pod(pod, status)


def _pod(pod: Pod, status: RegistryStatus) -> Text:
    state = good("ready") if pod.ready else bad(pod.phase.lower() if pod.phase != "Running" else "not ready")
    restarts = f"{pod.restarts} restart{'' if pod.restarts == 1 else 's'}"
    said = Text.assemble(pod.name, " ", state, f", {restarts}, age {age(pod.created, status.seen)}")
    return said.append(f"\n{pod.trouble}", "red") if pod.trouble else said


def _services(status: RegistryStatus) -> Iterator[Row]:
    if not status.services:
        yield "service", _missing(status, "services")
    for service in status.services:
        yield "service", f"{service.name}, {service.type} {_ports(service)}"


def _ports(service: Service) -> str:
    return ", ".join(
        f"{each.port}, on the nodes {each.node_port}" if each.node_port else str(each.port)
        for each in service.ports
    )


def _volume(status: RegistryStatus) -> Iterator[Row]:
    claim = status.claim
    if claim:
        mark = good if claim.phase == "Bound" else bad
        of = f", {size(claim.size)} of class {claim.storage_class or 'none'}"
        yield "claim", Text.assemble(claim.name, " ", mark(claim.phase.lower()), of)
    else:
        yield "claim", _missing(status, "claim")
    yield "stored", _or_missing(status, "stored", size)
    if status.disk:
        yield "free", f"{size(status.disk.free)} on the volume's filesystem of {size(status.disk.size)}"
    else:
        yield "free", _missing(status, "disk")


def _answers(status: RegistryStatus) -> Iterator[Row]:
    outside = _answer(status, status.outside, "outside")
    if status.published not in {None, status.registry}:
        outside = Text.assemble(outside, f"\n(the cluster publishes its registry as {status.published})")
    yield "outside", outside
    if status.context:
        yield "inside", _answer(status, status.inside, "inside")


def _answer(status: RegistryStatus, answer: Answer | None, part: str) -> Cell:
    if answer is None:
        return _missing(status, part)
    said = Text.assemble(answer.url, " ", good(f"answers in {milliseconds(answer.seconds)}"))
    return said if answer.authorized else said.append(", and wants a login: docker login")


def _repositories(status: RegistryStatus) -> Iterator[Row]:
    yield "repositories", _or_missing(status, "repositories", str)


def _usage(status: RegistryStatus) -> Iterator[Row]:
    used = status.usage
    if used is None:
        if status.context:
            yield "usage", _missing(status, "usage")
        return
    millis = f"{used.cpu * 1000:.0f}m" if used.cpu >= 0.001 else "under 1m"  # noqa: PLR2004
    cpu = f"{millis} of a processor" + (f" (limit {used.cpu_limit:g})" if used.cpu_limit else "")
    memory = f"{size(used.memory)} of memory" + (
        f" (limit {size(used.memory_limit)})" if used.memory_limit else ""
    )
    yield "usage", f"{cpu}, {memory}"


def _or_missing(status: RegistryStatus, part: str, said: Callable[[int], str]) -> Cell:
    value: int | None = getattr(status, part)
    return _missing(status, part) if value is None else said(value)


def _missing(status: RegistryStatus, part: str) -> Cell:
    reason = status.unavailable.get(part)
    return unknown(reason) if reason else bad("none")
