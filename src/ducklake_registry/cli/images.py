"""The commands of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ducklake_registry.cli import options
from ducklake_registry.cli.connection import Connection, connected
from ducklake_registry.display.output import OutputFormat

PANEL = "Images"


def register(app: typer.Typer) -> None:
    """Add these commands to `dlr`."""
    for command in (build_and_push, pull_from_registry):
        app.command(rich_help_panel=PANEL)(connected(command))


def build_and_push(
    context: Annotated[
        Path,
        typer.Argument(metavar="CONTEXT", help="Folder to build, the current one by default.", show_default=False),
    ] = Path(),
    image: options.Image = "ducklake-backend",
    tag: options.Tags = None,
    file: options.Dockerfile = None,
    build_arg: options.BuildArgs = None,
    target: options.Target = None,
    label: options.Labels = None,
    no_cache: options.NoCache = False,
    pull: options.PullBase = False,
    platform: options.Platforms = None,
    builder: options.BuilderChoice = options.Builder.AUTO,
    source_date_epoch: options.SourceDateEpoch = None,
    prod: options.Prod = False,
    prod_registry: options.ProdRegistry = None,
    build_only: options.BuildOnly = False,
    push_only: options.PushOnly = False,
    *,
    connection: Connection,
    output: options.Output = OutputFormat.TABLE,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Build an image from a folder, and push it to the registry.

    Without --tag its tag is git's: v1.2.3 if the commit has that tag, else the commit's short hash; with -dirty
    if anything differs from the commit. On a registry of this machine it is `latest` too. What was pushed is
    written to stdout as NAME@DIGEST, to be deployed.

    Example: dlr build-and-push --tag v1.2.3
    """
    import os
    from contextlib import closing

    from ducklake_registry.cli.building import Goal, build_options, moment, plan, read_labels
    from ducklake_registry.cli.running import list_steps
    from ducklake_registry.display import Terminal, emit
    from ducklake_registry.display.transferred import reference_line, tell_github
    from ducklake_registry.engine import BuildContext, Engine
    from ducklake_registry.reference import Repository
    from ducklake_registry.workflows.build_and_push import BuildImage, ImageNames, PushImage, Source
    from ducklake_registry.workflows.image_names import choose_tags, find_checkout

    goal, terminal = Goal.of(connection, prod_registry, prod=prod), Terminal(verbose=verbose, quiet=quiet)
    how = build_options(build_arg or (), target, platform or (), no_cache=no_cache, pull=pull)
    folder = None if push_only else BuildContext.of(context, file)
    checkout = find_checkout(context)
    labels, created = read_labels(label or ()), moment(source_date_epoch)
    names = ImageNames(Repository(image), choose_tags(tag or (), checkout, goal.destination))
    source = Source(folder, how, checkout, labels, created) if folder else None
    with closing(Engine(connection.timeout)) as engine, goal.connection.client() as client:
        build = BuildImage(engine, names, source, terminal.output) if source else None
        push = None if build_only else PushImage(engine, client, names, connection.timeout)
        workflow = plan(build, push, builder)
        if dry_run:
            list_steps(workflow.steps())
            return
        terminal.run(workflow.steps())
        result = workflow.result()
    tell_github(result, os.environ)
    emit(result, output, reference_line)


def pull_from_registry(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", envvar="DLR_IMAGE", help="NAME, NAME:TAG or NAME@DIGEST.")
    ] = "ducklake-backend",
    tag: options.Tags = None,
    all_tags: options.AllTags = False,
    platform: options.Platform = None,
    short_name: options.ShortName = True,
    *,
    connection: Connection,
    output: options.Output = OutputFormat.TABLE,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Pull an image from the registry into the engine, checked against the registry's digest.

    Without a tag it is `latest`. It gets its name without the registry too, as if it had been built here.

    Example: dlr pull-from-registry ducklake-backend:v1.2.3
    """
    from contextlib import closing

    from ducklake_registry.cli.running import list_steps
    from ducklake_registry.display import Terminal, emit
    from ducklake_registry.display.transferred import pulled_lines
    from ducklake_registry.engine import Engine
    from ducklake_registry.oci import Platform
    from ducklake_registry.workflows.pull import PullFromRegistry, chosen

    reference, terminal = connection.reference(image), Terminal(verbose=verbose, quiet=quiet)
    wanted = Platform.parse(platform) if platform else None
    with closing(Engine(connection.timeout)) as engine, connection.client(reference.registry) as client:
        references = chosen(client, reference, tag or (), all_tags=all_tags)
        workflow = PullFromRegistry(engine, client, references, connection.timeout, wanted, short_name)
        if dry_run:
            list_steps(workflow.steps())
            return
        terminal.run(workflow.steps())
        emit(workflow.result(), output, pulled_lines)
