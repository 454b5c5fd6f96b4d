"""The commands of images."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake_registry.cli import image_options, options
from ducklake_registry.cli.connection import Connection
from ducklake_registry.cli.folders import cache_folder
from ducklake_registry.cli.image_options import Recipe
from ducklake_registry.display.output import ListFormat, OutputFormat
from ducklake_registry.oci import Platform
from ducklake_registry.reports.wishes import Sort


def build_and_push(
    project: typer.Context,
    context: image_options.Context = None,
    image: image_options.Image = None,
    tag: image_options.Tags = None,
    *,
    recipe: Recipe,
    prod: image_options.Prod = False,
    prod_registry: image_options.ProdRegistry = None,
    build_only: image_options.BuildOnly = False,
    push_only: image_options.PushOnly = False,
    rollout: image_options.Rollout = True,
    connection: Connection,
    output: options.Output = OutputFormat.TABLE,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Build an image from a folder, and push it.

    Without --tag its tag is git's: v1.2.3 if the commit has that tag, else the commit's short hash; with -dirty
    if anything differs from the commit. On a registry of this machine it is `latest` too. What was pushed is
    written to stdout as NAME@DIGEST, to be deployed.

    Where [environment] of the project's settings lists the image, it is built as it says there, and what runs it
    on the laptop's own cluster goes over to the new one.

    Example: dlr build-and-push --tag v1.2.3
    """
    import os
    from contextlib import closing

    from ducklake_registry.cli.building import Goal, ImageSpec, Workshop
    from ducklake_registry.cli.running import list_steps
    from ducklake_registry.display.output import emit
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.display.transferred import reference_line, tell_github
    from ducklake_registry.engine import Engine
    from ducklake_registry.project import read_environment

    goal, terminal = Goal.of(connection, prod_registry, prod=prod), Terminal(verbose=verbose, quiet=quiet)
    environment = read_environment(project.obj)
    spec = ImageSpec.chosen(environment, image, context, recipe)
    names = spec.names(tag or (), goal.destination)
    with closing(Engine(connection.timeout)) as engine, goal.connection.client() as client:
        workshop = Workshop(engine, client, connection.timeout, terminal.output)
        plan = workshop.plan(spec, names, build=not push_only, push=not build_only)
        afterwards = workshop.rollout(environment, spec.image, plan) if rollout and goal.is_local else []
        if dry_run:
            list_steps([*plan.steps(), *afterwards])
            return
        terminal.run(plan.steps())
        result = plan.result()
        tell_github(result, os.environ)
        emit(result, output, reference_line)
        terminal.run(afterwards)


def pull_from_registry(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", envvar="DLR_IMAGE", help="NAME, NAME:TAG or NAME@DIGEST.")
    ] = "ducklake-backend",
    tag: image_options.Tags = None,
    all_tags: image_options.AllTags = False,
    platform: image_options.Platform = None,
    short_name: image_options.ShortName = True,
    *,
    connection: Connection,
    output: options.Output = OutputFormat.TABLE,
    dry_run: options.DryRun = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Pull an image into the engine, its digest verified.

    Without a tag it is `latest`. It gets its name without the registry too, as if it had been built here.

    Example: dlr pull-from-registry ducklake-backend:v1.2.3
    """
    from contextlib import closing

    from ducklake_registry.cli.running import list_steps
    from ducklake_registry.display.output import emit
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.display.transferred import pulled_lines
    from ducklake_registry.engine import Engine
    from ducklake_registry.workflows.pull import PullFromRegistry, chosen

    reference, terminal = connection.reference(image), Terminal(verbose=verbose, quiet=quiet)
    with closing(Engine(connection.timeout)) as engine, connection.client(reference.registry) as client:
        references = chosen(client, reference, tag or (), all_tags=all_tags)
        workflow = PullFromRegistry(engine, client, references, connection.timeout, platform, short_name)
        if dry_run:
            list_steps(workflow.steps())
            return
        terminal.run(workflow.steps())
        emit(workflow.result(), output, pulled_lines)


def list_registry_images(
    connection: Connection,
    pattern: Annotated[
        str, typer.Argument(metavar="[REPOSITORY-PATTERN]", help="Like 'team/*'; * stands for slashes too.")
    ] = "*",
    tags: Annotated[
        bool, typer.Option("--tags/--no-tags", envvar="DLR_TAGS", help="Images, or only their repositories.")
    ] = True,
    details: Annotated[
        bool | None,
        typer.Option(
            "--details/--no-details",
            envvar="DLR_DETAILS",
            help="Whole digests and all platforms; or names alone, which is fastest.",
            show_default=False,
        ),
    ] = None,
    sort: Annotated[
        Sort, typer.Option(envvar="DLR_SORT", help="Sizes and times begin with the largest and newest.")
    ] = Sort.NAME,
    limit: Annotated[
        int | None,
        typer.Option(envvar="DLR_LIMIT", min=1, metavar="N", help="Only the first N.", show_default=False),
    ] = None,
    fixed_tags: Annotated[
        bool,
        typer.Option(
            "--fixed-tags",
            envvar="DLR_FIXED_TAGS",
            help="Tags never move here: do not ask again what a known one names.",
        ),
    ] = False,
    cache_dir: options.CacheDir = None,
    no_cache: options.NoCache = False,
    output: options.ListOutput = ListFormat.TABLE,
    quiet: options.Quiet = False,
) -> None:
    """List the images in the registry.

    Repository, tag, digest, size, platforms and time of creation.

    Sizes count each blob once, also where images share it. What cannot be read is listed with its problem,
    and the exit code is then 1.

    What an earlier list has found whole is taken to be so: --no-cache looks again for parts that were lost since.

    Example: dlr list-registry-images 'team/*' --sort size --limit 10
    """
    from ducklake_registry.cli.listing import Reading
    from ducklake_registry.reports.wishes import Wish

    wish = Wish(pattern, tags=tags, details=details is not False, sort=sort, limit=limit)
    cache = None if no_cache else cache_folder(cache_dir)
    reading = Reading(connection, wish, cache, fixed_tags, quiet)
    if reading.write(output, whole=bool(details)):
        raise typer.Exit(1)


def inspect(
    connection: Connection,
    image: options.Image,
    platform: Annotated[
        Platform | None,
        typer.Option(
            envvar="DLR_PLATFORM",
            metavar="OS/ARCH[/VARIANT]",
            parser=options.platform,
            help="One of an index.",
            show_default=False,
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", envvar="DLR_RAW", help="The manifest's own bytes.")] = False,
    output: options.Output = OutputFormat.TABLE,
) -> None:
    """Show one image from near.

    Manifest, platforms, config, layers with what made them, and referrers.

    Example: dlr inspect team/app:v1 --platform linux/arm64
    """
    from ducklake_registry.display.inspection import inspection
    from ducklake_registry.display.output import emit, write_lines
    from ducklake_registry.reports import inspection as report

    reference = connection.reference(image)
    with connection.client(reference.registry) as client:
        if raw:
            write_lines([report.find_manifest(client, reference, platform).raw])
        else:
            emit(report.inspect(client, reference, platform), output, inspection)


def delete_image(
    connection: Connection,
    images: options.Images,
    tag_only: Annotated[
        bool,
        typer.Option(
            "--tag-only",
            envvar="DLR_TAG_ONLY",
            help="Delete the tag and leave the image (distribution 3, not 2.8).",
        ),
    ] = False,
    with_platforms: Annotated[
        bool,
        typer.Option(
            "--with-platforms",
            envvar="DLR_WITH_PLATFORMS",
            help="With an index, delete the images that it lists and no other tag leads to.",
        ),
    ] = False,
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what of an image would go, then delete it.

    A digest goes with all its tags. What an index lists stays without it, and no list finds it then, unless
    --with-platforms deletes it too.

    Example: dlr delete-image team/app:v1 --dry-run
    """
    from ducklake_registry.cli.deletion import look, seen
    from ducklake_registry.cli.running import confirm
    from ducklake_registry.display.terminal import Terminal, stdout
    from ducklake_registry.workflows.delete_images import DeleteImages

    terminal = Terminal(quiet=quiet)
    references = connection.references(images)
    with connection.client(references[0].registry) as client:
        workflow = DeleteImages(client, references, tag_only, with_platforms)
        doomed = look(workflow, terminal)
        picture = seen(doomed, context, kubeconfig, terminal)
        if dry_run:
            stdout().print(picture)
            return
        terminal.show(picture)
        confirm(terminal, "Delete the tags?" if tag_only else "Delete this, with all its tags?", yes=yes)
        terminal.run(workflow.steps(doomed))
