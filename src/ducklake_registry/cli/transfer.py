"""The commands that move images between a registry and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.cli import options
from ducklake_registry.cli.connection import TransferConnection
from ducklake_registry.display.output import OutputFormat

if TYPE_CHECKING:
    from ducklake_registry.workflows.transfer import LoadImage, SaveImage


def save(
    image: options.Image,
    target: options.ImageFiles,
    connection: TransferConnection,
    platform: options.Platform = None,
    dry_run: options.DryRun = False,
    output: options.Output = OutputFormat.TABLE,
    quiet: options.Quiet = False,
) -> None:
    """Save an image into a folder or a tar archive.

    An OCI image layout; an archive of one platform is one that `docker load` reads too. A folder takes any number
    of images, and each layer that they share once.

    Run it again after an interruption: what is there with the right digest is not moved again.

    Example: dlr save team/app:v1 app.tar --platform linux/amd64
    """
    from ducklake_registry.workflows.transfer import SaveImage

    reference = connection.reference(image)
    with connection.client(reference.registry) as client:
        _transfer(SaveImage(client, reference, target, platform, dry_run), output, quiet=quiet)


def load(
    source: options.ImageFiles,
    image: options.Image,
    connection: TransferConnection,
    select: options.Select = None,
    platform: options.Platform = None,
    dry_run: options.DryRun = False,
    output: options.Output = OutputFormat.TABLE,
    quiet: options.Quiet = False,
) -> None:
    """Load an image into the registry.

    From an OCI image layout, folder or tar, or from what `docker save` of any age wrote. Of several images it is
    the one of that name, unless --select names another.

    No engine is needed. An archive may be compressed with gzip, zstd, bzip2 or xz.

    Example: dlr load app.tar team/app:v1
    """
    from ducklake_registry.workflows.transfer import LoadImage

    reference = connection.reference(image)
    with connection.client(reference.registry) as client:
        _transfer(LoadImage(client, source, reference, select, platform, dry_run), output, quiet=quiet)


def _transfer(work: SaveImage | LoadImage, output: OutputFormat, *, quiet: bool) -> None:
    from ducklake_registry.display.output import emit
    from ducklake_registry.display.terminal import Terminal
    from ducklake_registry.display.transfer import digest, moved, would_move

    done = Terminal(quiet=quiet).follow(work.title, work.run, would_move if work.dry_run else moved)
    emit(done, output, digest)
