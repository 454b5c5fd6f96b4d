"""The commands of the environment: the laptop's cluster as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake_registry.cli import image_options, kind_options, options
from ducklake_registry.cli.connection import ProdConnection
from ducklake_registry.cli.group import usual_registry
from ducklake_registry.cli.kind_options import KindOptions
from ducklake_registry.display.output import OutputFormat


def deploy_kind(
    project: typer.Context,
    kind: KindOptions,
    registry_image: kind_options.RegistryImage = None,
    only: kind_options.Only = None,
    no_build: kind_options.NoBuild = False,
    tag: image_options.Tags = None,
    set_context: kind_options.SetContext = False,
    kubeconfig: options.KubeconfigFiles = None,
    namespace: options.Namespace = "storage",
    timeout: options.Timeout = 300,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a kind cluster with a registry at localhost:5000.

    Pods pull from it under the name that the laptop pushes to. Where [environment] of the project's settings lists
    images and manifests, the images are built and pushed, and the manifests are applied with exactly those images.
    Run again it repairs what is missing and leaves the rest as it is.

    Example: dlr deploy-kind --workers 1
    """
    from ducklake_registry.cli.deploying import laptop
    from ducklake_registry.cli.running import perform
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.next_steps import after_deploy_kind
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.engine import Engine
    from ducklake_registry.manifests import RegistrySpec
    from ducklake_registry.project import read_environment
    from ducklake_registry.waiting import Deadline
    from ducklake_registry.workflows.deploy_kind import DeployKind

    spec, registry = kind.spec(), RegistrySpec(namespace=namespace, image=registry_image)
    terminal, deadline = Terminal(verbose=verbose, quiet=quiet), Deadline(timeout)
    workflow = DeployKind(spec, registry, Engine(), Kubeconfig.parse(kubeconfig), deadline, set_context)
    environment = None if only else read_environment(project.obj)
    with laptop(workflow, environment, tag or (), terminal.output, build=not no_build) as steps:
        perform(terminal, steps, spec.context, deadline, dry_run=dry_run)
    if not dry_run:
        images = [each.image for each in environment.builds] if environment else []
        is_default = kind.name == "ducklake-cluster"
        usual = usual_registry(project.obj)
        terminal.show(
            after_deploy_kind(workflow.address, spec.context, images, is_default=is_default, usual=usual)
        )


def destroy_kind(
    name: options.ClusterName = "ducklake-cluster",
    kubeconfig: options.KubeconfigFiles = None,
    timeout: options.Timeout = 300,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Delete that cluster, with all images in it.

    Example: dlr destroy-kind --yes
    """
    from ducklake_registry.cli.running import confirm, perform
    from ducklake_registry.cluster.kind import KindSpec
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.engine import Engine
    from ducklake_registry.waiting import Deadline
    from ducklake_registry.workflows.removal import DestroyKind

    spec = KindSpec(name)
    terminal, deadline = Terminal(verbose=verbose, quiet=quiet), Deadline(timeout)
    workflow = DestroyKind(spec, Engine(), Kubeconfig.parse(kubeconfig), deadline)
    if not dry_run and workflow.exists():
        confirm(terminal, f"Delete the kind cluster {name} with all that runs and all images in it?", yes=yes)
    perform(terminal, workflow.steps(), spec.context, deadline, dry_run=dry_run)


def status(
    everything: Annotated[
        bool, typer.Option("--all", "-a", envvar="DLR_ALL", help="Show what is Kubernetes' own too.")
    ] = False,
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    watch: options.Watch = False,
    output: options.Output = OutputFormat.TABLE,
) -> None:
    """Show all services in the cluster.

    Nodes, workloads, ports, claims and recent warnings.

    Example: dlr status --watch
    """
    from functools import partial

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.output import emit
    from ducklake_registry.display.status import status_picture
    from ducklake_registry.reports.status import look

    cluster = Cluster(context, Kubeconfig.parse(kubeconfig))
    picture = partial(status_picture, everything=everything)
    if watch:
        from ducklake_registry.display.watching import watch as watching

        watching(partial(look, cluster), output, picture)
    emit(look(cluster), output, picture)


def deploy_prod(
    project: typer.Context,
    connection: ProdConnection,
    context: image_options.ProdContext = None,
    tag: image_options.Tags = None,
    kubeconfig: options.KubeconfigFiles = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the environment in production.

    It builds nothing: the images that [environment] lists have to be in production's registry by that tag, and run
    by their digests. Where, which images, and what changes, object by object, is shown before it asks.

    Example: dlr deploy-prod --prod-context production --tag v1.2.3
    """
    from ducklake_registry.cli.deploying import production
    from ducklake_registry.cli.running import confirm, perform
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.display.release import release_picture
    from ducklake_registry.display.terminal import Terminal, stdout
    from ducklake_registry.project import read_environment
    from ducklake_registry.waiting import Deadline

    terminal, deadline = Terminal(verbose=verbose, quiet=quiet), Deadline(connection.timeout)
    environment = read_environment(project.obj)
    with production(environment, context, Kubeconfig.parse(kubeconfig), connection, tag or ()) as workflow:
        with terminal.working("Compare with production") as report:
            release = workflow.look(report)
        picture = release_picture(release)
        if dry_run:
            stdout().print(picture, soft_wrap=True)
            return
        terminal.show(picture, as_it_is=True)
        if release.changing:
            confirm(terminal, f"Deploy this to {release.context} at {release.server}?", yes=yes)
        perform(terminal, workflow.steps(release), release.context, deadline)
