"""The commands of images."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake_registry.cli import options
from ducklake_registry.cli.connection import Connection, connected
from ducklake_registry.display.output import ListFormat, OutputFormat
from ducklake_registry.reports.wishes import Sort

PANEL = "Images"


def register(app: typer.Typer) -> None:
    """Add these commands to `dlr`."""
    for command in (list_registry_images, inspect, delete_image):
        app.command(rich_help_panel=PANEL)(connected(command))


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
    """List the images in the registry: repository, tag, digest, size, platforms, time of creation.

    Sizes count each blob once, also where images share it. What cannot be read is listed with its problem,
    and the exit code is then 1.

    Example: dlr list-registry-images 'team/*' --sort size --limit 10
    """
    from ducklake_registry.cli.listing import Reading
    from ducklake_registry.reports.wishes import Wish

    wish = Wish(pattern, tags=tags, details=details is not False, sort=sort, limit=limit)
    cache = None if no_cache else options.cache_folder(cache_dir)
    reading = Reading(connection, wish, cache, fixed_tags, quiet)
    if reading.write(output, whole=bool(details)):
        raise typer.Exit(1)


def inspect(
    connection: Connection,
    image: options.Image,
    platform: Annotated[
        str | None,
        typer.Option(
            envvar="DLR_PLATFORM", metavar="OS/ARCH[/VARIANT]", help="One of an index.", show_default=False
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", envvar="DLR_RAW", help="The manifest's own bytes.")] = False,
    output: options.Output = OutputFormat.TABLE,
) -> None:
    """Show an image from near: manifest, platforms, config, layers with what made them, referrers.

    Example: dlr inspect team/app:v1 --platform linux/arm64
    """
    from ducklake_registry.display.inspection import inspection
    from ducklake_registry.display.output import emit, write_lines
    from ducklake_registry.oci import Platform
    from ducklake_registry.reports import inspection as report

    reference = connection.reference(image)
    wanted = Platform.parse(platform) if platform else None
    with connection.client(reference.registry) as client:
        if raw:
            write_lines([report.find_manifest(client, reference, wanted).raw])
        else:
            emit(report.inspect(client, reference, wanted), output, inspection)


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
    context: options.Context = None,
    kubeconfig: options.KubeconfigFiles = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Delete images from the registry, with all their tags; what would go is shown first.

    Example: dlr delete-image team/app:v1 --dry-run
    """
    from ducklake_registry.cli.deletion import look, seen
    from ducklake_registry.cli.running import confirm
    from ducklake_registry.display import Terminal
    from ducklake_registry.display.terminal import stdout
    from ducklake_registry.workflows.delete_images import DeleteImages

    terminal = Terminal(quiet=quiet)
    references = connection.references(images)
    with connection.client(references[0].registry) as client:
        workflow = DeleteImages(client, references, tag_only)
        doomed = look(workflow, terminal)
        picture = seen(doomed, context, kubeconfig, terminal)
        if dry_run:
            stdout().print(picture)
            return
        terminal.show(picture)
        confirm(terminal, "Delete the tags?" if tag_only else "Delete this, with all its tags?", yes=yes)
        terminal.run(workflow.steps(doomed))
