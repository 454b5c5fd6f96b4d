"""The commands of the registry, on whichever cluster it is."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake_registry.cli import options
from ducklake_registry.cli.connection import ClusterConnection, typed
from ducklake_registry.cli.group import usual_registry
from ducklake_registry.display.output import OutputFormat


def deploy_registry(
    registry_image: Annotated[
        str | None,
        typer.Option(
            "--registry-image",
            "--image",
            envvar="DLR_REGISTRY_IMAGE",
            metavar="IMAGE",
            help="Image of the registry.",
        ),
    ] = None,
    storage_size: options.StorageSize = None,
    storage_class: options.StorageClass = None,
    node_port: options.NodePort = None,
    memory: options.Memory = None,
    cpu: options.Cpu = None,
    namespace: options.Namespace = "storage",
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    timeout: options.Timeout = 300,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Deploy the registry to a cluster, or update it.

    With --dry-run it shows, object by object, what would change on the cluster.

    Example: dlr deploy-registry --context production --storage-size 100Gi
    """
    from ducklake_registry.cli.running import perform
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.changes import changes
    from ducklake_registry.display.terminal import Terminal, stdout
    from ducklake_registry.manifests import RegistrySpec
    from ducklake_registry.waiting import Deadline
    from ducklake_registry.workflows.deploy_registry import DeployRegistry

    spec = RegistrySpec(namespace, registry_image, storage_size, storage_class, node_port, memory, cpu)
    terminal, deadline = Terminal(verbose=verbose, quiet=quiet), Deadline(timeout)
    cluster = Cluster(context, Kubeconfig.parse(kubeconfig))
    workflow = DeployRegistry(cluster, spec, deadline)
    terminal.note(f"context {cluster.context}, namespace {namespace}")
    if lost := workflow.forgotten():
        terminal.note(f"warning: {lost}")
    if dry_run:
        stdout().print(changes(workflow.preview()))
    else:
        perform(terminal, workflow.steps(), cluster.context, deadline)


def clean_registry(
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Delete the volume with all images too, without asking.")
    ] = False,
    namespace: options.Namespace = "storage",
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    timeout: options.Timeout = 300,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove the registry; images stay unless told to go.

    Example: dlr clean-registry --yes
    """
    from dataclasses import replace

    from ducklake_registry.cli.running import confirm, perform
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.waiting import Deadline
    from ducklake_registry.workflows.removal import CleanRegistry

    terminal, deadline = Terminal(verbose=verbose, quiet=quiet), Deadline(timeout)
    cluster = Cluster(context, Kubeconfig.parse(kubeconfig))
    workflow = CleanRegistry(cluster, deadline, namespace, delete_data)
    if not dry_run and (present := workflow.present()):
        where = f"namespace {namespace} of context {cluster.context}"
        confirm(terminal, f"Remove the registry ({', '.join(present)}) from {where}?", yes=yes)
        if not delete_data and not yes and workflow.claim():
            workflow = replace(workflow, delete_data=terminal.ask("Delete its volume with all images too?"))
    perform(terminal, workflow.steps(), cluster.context, deadline, dry_run=dry_run)


def registry_status(
    ctx: typer.Context,
    connection: ClusterConnection,
    namespace: options.Namespace = "storage",
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    watch: options.Watch = False,
    output: options.Output = OutputFormat.TABLE,
) -> None:
    """Show whether the registry is healthy, or why not.

    The exit code is 1 when it is not, and the last line says what to do.

    Example: dlr registry-status --watch
    """
    from functools import partial

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.commands import Commands
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.output import emit
    from ducklake_registry.display.registry_status import registry_status_picture as picture
    from ducklake_registry.reports.registry_status import look

    cluster = Cluster(context, Kubeconfig.parse(kubeconfig), request_timeout=5)
    commands = Commands(context, namespace, connection.named, typed(ctx, "kubeconfig"))
    looking = partial(look, cluster, commands, connection.asking_once(), usual_registry(ctx.obj))
    if watch:
        from ducklake_registry.display.watching import watch as watching

        watching(looking, output, picture)
    emit(found := looking(), output, picture)
    if not found.healthy:
        raise typer.Exit(1)


def logs(
    follow: options.Follow = False,
    tail: options.Tail = None,
    since: options.Since = None,
    previous: options.Previous = False,
    namespace: options.Namespace = "storage",
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    quiet: options.Quiet = False,
) -> None:
    """Show what the registry has written to its log.

    With --follow also what it, and the pod that takes its place, go on to write.

    Example: dlr logs --follow --since 10m
    """
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.cluster.logs import Excerpt, Log
    from ducklake_registry.display.output import write_lines
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.manifests import names

    log = Log(Cluster(context, Kubeconfig.parse(kubeconfig)), namespace, names.DEPLOYMENT)
    excerpt = Excerpt(tail, since, previous)
    write_lines(log.follow(excerpt, Terminal(quiet=quiet).note) if follow else log.read(excerpt))


def port_forward(
    port: options.LocalPort = 5000,
    address: options.Address = "127.0.0.1",
    namespace: options.Namespace = "storage",
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    quiet: options.Quiet = False,
) -> None:
    """Lead a local port to the registry.

    Through the API server, for clusters whose node port cannot be reached; it works until Ctrl-C.

    Example: dlr port-forward --context production --port 5001
    """
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.forward import Forwarding
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.manifests import names

    cluster = Cluster(context, Kubeconfig.parse(kubeconfig))
    forwarding = Forwarding(cluster, namespace, names.DEPLOYMENT, address, port, names.PORT)
    terminal = Terminal(quiet=quiet)
    with forwarding.listen() as listener:
        terminal.once(forwarding.described(forwarding.find_pod()))
        forwarding.serve(listener, terminal.once)
