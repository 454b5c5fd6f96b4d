"""From the options of `dlr build-and-push` to what they mean."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ducklake_registry.cli.image_options import Builder
from ducklake_registry.engine import BuildContext, BuildOptions
from ducklake_registry.errors import UsageError
from ducklake_registry.oci import Platform
from ducklake_registry.reference import Repository, is_loopback
from ducklake_registry.registry.endpoint import Endpoint
from ducklake_registry.workflows.build_and_push import BuildAndPush, BuildImage, ImageNames, PushImage, Source
from ducklake_registry.workflows.buildx import BuildxLoad, BuildxPush
from ducklake_registry.workflows.image_names import Destination, choose_tags

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ducklake_registry.cli.connection import Connection
    from ducklake_registry.cli.image_options import Recipe
    from ducklake_registry.git import Checkout, NoCheckout

Plan = BuildAndPush | BuildImage | PushImage | BuildxPush | BuildxLoad


@dataclass(frozen=True, slots=True)
class Goal:
    """The registry that an image is to go to, and what kind of one it is."""

    connection: Connection
    destination: Destination

    @classmethod
    def of(cls, connection: Connection, prod_registry: str | None, *, prod: bool) -> Goal:
        """Choose production's registry if it was asked for; raises UsageError where nobody says which that is."""
        if prod and not prod_registry:
            raise UsageError(
                "nobody says which registry is production's", "export PROD_REGISTRY=registry.example.com"
            )
        if prod_registry and (prod or connection.registry == prod_registry):
            return cls(replace(connection, registry=prod_registry), Destination.PRODUCTION)
        local = is_loopback(Endpoint.of(connection.registry).host)
        return cls(connection, Destination.LOCAL if local else Destination.OTHER)

    def names(self, image: str, tags: Sequence[str], checkout: Checkout | NoCheckout) -> ImageNames:
        """Return what an image is called there, by these tags or else git's; raises UsageError."""
        return ImageNames(Repository(image), choose_tags(tags, checkout, self.destination))


def read_source(recipe: Recipe, folder: Path, checkout: Checkout | NoCheckout) -> Source:
    """Find what to build, and read how; raises UsageError."""
    options = BuildOptions(
        _arguments(recipe.build_arg or ()),
        recipe.target,
        recipe.no_cache,
        recipe.pull,
        _platforms(recipe.platform or ()),
    )
    epoch = recipe.source_date_epoch
    created = None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    return Source(
        BuildContext.of(folder, recipe.file), options, checkout, read_labels(recipe.label or ()), created
    )


def read_labels(labels: Sequence[str]) -> dict[str, str]:
    """Read `NAME=VALUE`; raises UsageError."""
    pairs = [each.partition("=") for each in labels]
    if wrong := [each for each, (name, sign, _) in zip(labels, pairs, strict=True) if not name or not sign]:
        raise UsageError(f"{wrong[0]!r} is no label", "write --label NAME=VALUE")
    return {name: value for name, _, value in pairs}


def plan(build: BuildImage | None, push: PushImage | None, builder: Builder) -> Plan:
    """Return what builds, pushes or does both, with which builder. Raises UsageError for what cannot be."""
    if build is None:
        if push is None:
            raise UsageError("--build-only and --push-only leave nothing to do")
        return push
    if not _needs_buildx(build.source, builder):
        return BuildAndPush(build, push) if push else build
    if push:
        return BuildxPush(push.client, build.names, build.source, build.tell)
    if len(build.source.options.platforms) > 1:
        raise UsageError("--build-only for several platforms: the engine keeps an image of one", "name one")
    return BuildxLoad(build.engine, build.names, build.source, build.tell)


def _needs_buildx(source: Source, builder: Builder) -> bool:
    several = len(source.options.platforms) > 1
    if several and builder is Builder.ENGINE:
        raise UsageError(
            "the engine's own builder builds for one platform", "leave --builder out: buildx does more"
        )
    return several or builder is Builder.BUILDX


def _arguments(build_args: Sequence[str]) -> dict[str, str]:
    """Read `NAME=VALUE`, or `NAME` whose value the environment has, as `docker build` does."""
    pairs = [each.partition("=") for each in build_args]
    if any(not name for name, _, _ in pairs):
        raise UsageError("a build argument has no name", "write --build-arg NAME=VALUE")
    given = {name: value if sign else os.environ.get(name) for name, sign, value in pairs}
    return {name: value for name, value in given.items() if value is not None}


def _platforms(names: Sequence[str]) -> tuple[str, ...]:
    each_one = [name for each in names for name in each.split(",") if name]
    return tuple(dict.fromkeys(str(Platform.parse(name)) for name in each_one))
