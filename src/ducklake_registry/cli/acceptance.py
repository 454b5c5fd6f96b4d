"""The command that tests a registry."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import typer

from ducklake_registry.cli import acceptance_options as own
from ducklake_registry.cli import options
from ducklake_registry.cli.connection import Connection
from ducklake_registry.cli.folders import notes_folder
from ducklake_registry.display.output import OutputFormat
from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ducklake_registry.acceptance.results import Acceptance

ANSWER_SECONDS = 30.0
"""How long the registry may take for one answer while it is tested."""


def test_registry(
    connection: Connection,
    category: own.Categories = None,
    exclude: own.Exclude = None,
    disruptive: own.Disruptive = False,
    max_p95: own.MaxP95 = None,
    min_throughput: own.MinThroughput = None,
    baseline: own.Baseline = None,
    junit: own.Junit = None,
    report: own.Report = None,
    namespace: options.Namespace = "storage",
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    output: options.Output = OutputFormat.TABLE,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Prove that a registry works, check by check.

    It uses images of its own making and removes them again; the exit code is 1 when a check fails.

    All that it puts into the registry, the cluster and the engine is deleted again. What a run leaves in the
    registry because it is killed or cut off, the next one on this machine removes.

    As with every deletion, the registry's volume keeps the bytes (65 MiB, mostly the same in each run) until the
    registry's garbage is collected. Nodes that are not kind's keep the small image that their pod has pulled until
    their kubelet collects it.

    Example: dlr test-registry --exclude performance --junit results.xml --report report.html
    """
    from ducklake_registry.acceptance.baseline import read_baseline
    from ducklake_registry.acceptance.checks import CHECKS
    from ducklake_registry.acceptance.context import Limits, working_with
    from ducklake_registry.acceptance.runner import Surroundings, accept, select
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.acceptance import acceptance_picture, heard, tally
    from ducklake_registry.display.output import emit
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.engine.client import Engine
    from ducklake_registry.waiting import Deadline

    terminal, limits = Terminal(verbose=verbose, quiet=quiet), Limits.of(max_p95, min_throughput)
    checks, before = select(CHECKS, category or (), exclude or ()), read_baseline(baseline)
    around = Surroundings(Cluster(context, Kubeconfig.parse(kubeconfig)), namespace, Engine())
    client = connection.client(
        timeout=min(connection.timeout, ANSWER_SECONDS), observe=lambda each: terminal.detail(heard(each))
    )
    with _results_in(junit, report) as write:
        deadline, notes = Deadline(connection.timeout), notes_folder()
        with working_with(client, deadline, limits, disruptive=disruptive, notes=notes) as test:
            title = f"Test {connection.registry}"
            found = terminal.follow(title, lambda said: accept(checks, test, around, before, said), tally)
        emit(found, output, acceptance_picture)
        write(found)
    if not found.accepted:
        raise typer.Exit(1)


@contextlib.contextmanager
def _results_in(junit: Path | None, report: Path | None) -> Iterator[Callable[[Acceptance], None]]:
    """Give what writes the results into files, which are opened before the test. Raises UsageError."""
    from ducklake_registry.display.junit import junit_document
    from ducklake_registry.display.report import report_page
    from ducklake_registry.replacing import Replacement

    forms = {junit_document: junit, report_page: report}
    with contextlib.ExitStack() as stack:
        opened = []
        for form, path in forms.items():
            if path:
                with _telling(path):
                    opened.append((form, path, stack.enter_context(Replacement.of(path))))

        def write(found: Acceptance) -> None:
            for form, path, file in opened:
                with _telling(path):
                    file.keep(form(found))

        yield write


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", "name another place") from error
