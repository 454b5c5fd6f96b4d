"""`dlr doctor`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ducklake_registry.cli import options
from ducklake_registry.cli.connection import ClusterConnection, typed
from ducklake_registry.cli.folders import notes_folder
from ducklake_registry.cli.group import usual_registry
from ducklake_registry.display.output import OutputFormat
from ducklake_registry.errors import DlrError, UsageError

if TYPE_CHECKING:
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.doctor.case import Case
    from ducklake_registry.doctor.finding import Checkup, Remedy
    from ducklake_registry.waiting import Deadline

_ENGINE_SECONDS = 5.0
_SETTLING_SECONDS = 30.0


def doctor(
    ctx: typer.Context,
    connection: ClusterConnection,
    fix: Annotated[bool, typer.Option("--fix", help="Make the repairs that lose nothing, after asking.")] = False,
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            envvar="DLR_THOROUGH",
            help="Let a pod on each node pull an image made for that.",
        ),
    ] = False,
    namespace: options.Namespace = "storage",
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    yes: options.Yes = False,
    output: options.Output = OutputFormat.TABLE,
    quiet: options.Quiet = False,
) -> None:
    """Find out why the registry does not work, and what to type.

    It looks along the whole way: engine, kind, nodes, cluster, claim, pod, services, ports, TLS, HTTP, login, this
    machine's settings, and back into the nodes for a pod's pull. The exit code is 1 when something is broken.

    Without --registry it is the cluster's own. With --registry alone, and without --context, a registry that the
    cluster does not know as its own is looked at for itself.

    Example: dlr doctor --fix
    """
    from ducklake_registry.display.doctor import checkup_picture
    from ducklake_registry.display.output import emit
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.waiting import Deadline

    case, terminal = _case(ctx, connection, context, kubeconfig, namespace, thorough), Terminal(quiet=quiet)
    with terminal.working("Looking along the way to the registry"):
        found = _looked_at(case)
    if fix and (remedies := _remedies(found)):
        if output is OutputFormat.TABLE:
            emit(found, output, checkup_picture)
        found = _treated(found, remedies, case, terminal, Deadline(connection.timeout), yes=yes)
    emit(found, output, checkup_picture)
    if not found.healthy:
        raise typer.Exit(1)


def _case(
    ctx: typer.Context,
    connection: ClusterConnection,
    context: str | None,
    kubeconfig: str | None,
    namespace: str,
    thorough: bool,
) -> Case:
    """Return what is to be examined; a registry that nobody has named is the cluster's own."""
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.doctor.case import Case
    from ducklake_registry.engine import Engine

    return Case(
        Kubeconfig.parse(kubeconfig),
        context,
        namespace,
        connection.named,
        connection.asking_once(),
        Engine(_ENGINE_SECONDS),
        typed(ctx, "kubeconfig"),
        thorough,
        usual_registry(ctx.obj),
        notes_folder(),
    )


def _looked_at(case: Case) -> Checkup:
    from ducklake_registry.doctor.links import LINKS
    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.doctor.runner import examine

    return examine(LINKS, Patient(case))


def _treated(
    found: Checkup, wanted: list[Remedy], case: Case, terminal: Terminal, deadline: Deadline, *, yes: bool
) -> Checkup:
    """Make the repairs that are agreed to, look again, and go on while there are others to be made."""
    tried: set[Remedy] = set()
    while wanted:
        agreed = [each for each in wanted if _agreed(each, found, terminal, yes=yes)]
        for remedy in agreed:
            _make(remedy, case, terminal, deadline)
        tried.update(wanted)
        if not agreed:
            break
        found = _settled(case, tried, terminal)
        wanted = [each for each in _remedies(found) if each not in tried]
    return found


def _agreed(remedy: Remedy, found: Checkup, terminal: Terminal, *, yes: bool) -> bool:
    """Ask for a repair, which is named with what it is for. Raises UsageError where nobody can be asked."""
    seen = next(each.seen for each in found.findings if each.remedy is remedy)
    question = f"{remedy.capitalize()}? ({seen})"
    if not yes and not terminal.can_ask:
        raise UsageError(f"not done without a yes: {question}", hint="say it beforehand with --yes")
    return yes or terminal.ask(question)


def _make(remedy: Remedy, case: Case, terminal: Terminal, deadline: Deadline) -> None:
    """Make a repair; one that fails is told, and the look afterwards shows what it has left."""
    from ducklake_registry.cli.running import perform
    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.doctor.repairs import steps

    patient = Patient(case)
    try:
        perform(terminal, steps(remedy, patient, deadline), patient.context, deadline)
    except DlrError as error:
        terminal.error(error)


def _settled(case: Case, tried: set[Remedy], terminal: Terminal) -> Checkup:
    """Look again until it is healthy or there is something new to be done: what was repaired takes a moment."""
    end = time.monotonic() + _SETTLING_SECONDS
    with terminal.working("Looking again") as report:
        while True:
            found = _looked_at(case)
            if found.healthy or time.monotonic() > end or set(_remedies(found)) - tried:
                return found
            report(found.verdict)
            time.sleep(1)


def _remedies(found: Checkup) -> list[Remedy]:
    from ducklake_registry.doctor.repairs import remedies

    return remedies(found)
