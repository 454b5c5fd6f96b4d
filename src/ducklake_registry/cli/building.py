"""From what is said of an image, by options or by the project's settings, to what builds and pushes it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ducklake_registry.cli.image_options import DEFAULT_IMAGE, Builder
from ducklake_registry.engine import BuildContext, BuildOptions
from ducklake_registry.errors import UsageError
from ducklake_registry.git import NoCheckout
from ducklake_registry.oci import Platform
from ducklake_registry.reference import Repository, is_loopback
from ducklake_registry.registry.endpoint import Endpoint
from ducklake_registry.workflows.build_and_push import BuildAndPush, BuildImage, ImageNames, PushImage, Source
from ducklake_registry.workflows.buildx import BuildxLoad, BuildxPush
from ducklake_registry.workflows.image_names import LATEST, Destination, choose_tags, find_checkout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ducklake_registry.cli.connection import Connection
    from ducklake_registry.cli.image_options import Recipe
    from ducklake_registry.engine import Engine
    from ducklake_registry.git import Checkout
    from ducklake_registry.project import Build, Environment
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report, Step

Plan = BuildAndPush | BuildImage | PushImage | BuildxPush | BuildxLoad


@dataclass(frozen=True)
class ImageSpec:
    """How an image is called and built; `created` overrides when it counts as made.

    `is_listed` is whether the project's environment runs it.
    """

    image: Repository
    context: Path
    file: Path | None = None
    options: BuildOptions = field(default_factory=BuildOptions)
    labels: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    builder: Builder = Builder.AUTO
    is_listed: bool = False

    @classmethod
    def listed(cls, build: Build) -> Self:
        """Return what the project's settings list."""
        platforms = tuple(map(str, build.platforms))
        options = BuildOptions(build.build_args, build.target, build.no_cache, build.pull, platforms)
        return cls(build.image, build.context, build.file, options, build.labels, is_listed=True)

    @classmethod
    def chosen(
        cls, environment: Environment | None, image: str | None, context: Path | None, recipe: Recipe
    ) -> Self:
        """Return what options say, and what is listed for that image where they say nothing.

        Raises UsageError for what cannot be read.
        """
        build = environment.build(image) if environment else None
        listed = cls.listed(build) if build else cls(Repository(image or DEFAULT_IMAGE), Path())
        if context:
            listed = replace(listed, context=context, file=None)
        return replace(
            listed,
            file=recipe.file or listed.file,
            options=_options(recipe, listed.options),
            labels={**listed.labels, **_labels(recipe.label or ())},
            created=_moment(recipe.source_date_epoch),
            builder=recipe.builder,
        )

    @cached_property
    def checkout(self) -> Checkout | NoCheckout:
        """What git has checked out there."""
        return find_checkout(self.context)

    def source(self) -> Source:
        """Return what is built; raises UsageError where that is not there."""
        context = BuildContext.of(self.context, self.file)
        return Source(context, self.options, self.checkout, self.labels, self.created)

    def names(self, tags: Sequence[str], destination: Destination) -> ImageNames:
        """Return what it is called: by these tags or git's. Raises UsageError where there are none.

        What runs on the laptop is pinned to its digest: there `latest` is enough where git knows nothing.
        """
        nameless = self.is_listed and destination is Destination.LOCAL and isinstance(self.checkout, NoCheckout)
        return ImageNames(self.image, choose_tags(tags or (LATEST,) * nameless, self.checkout, destination))


@dataclass(frozen=True, slots=True)
class Goal:
    """The registry that an image is to go to, and what kind of one it is."""

    connection: Connection
    destination: Destination

    @property
    def is_local(self) -> bool:
        """Whether it is the laptop's own."""
        return self.destination is Destination.LOCAL

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


@dataclass(frozen=True, slots=True)
class Workshop:
    """What an image is built and pushed with; a registry that goes away is awaited for `patience` seconds."""

    engine: Engine
    client: RegistryClient
    patience: float
    tell: Report

    def plan(self, spec: ImageSpec, names: ImageNames, *, build: bool = True, push: bool = True) -> Plan:
        """Return what builds, pushes or does both. Raises UsageError for what cannot be."""
        if build and push:
            return self.plan_push(spec, names)
        if build:
            return self._plan_build(spec, names)
        if not push:
            raise UsageError("--build-only and --push-only leave nothing to do")
        return PushImage(self.engine, self.client, names, self.patience)

    def _plan_build(self, spec: ImageSpec, names: ImageNames) -> BuildImage | BuildxLoad:
        source = spec.source()
        if not _needs_buildx(spec):
            return BuildImage(self.engine, names, source, self.tell)
        if len(spec.options.platforms) > 1:
            raise UsageError("--build-only for several platforms: the engine keeps an image of one", "name one")
        return BuildxLoad(self.engine, names, source, self.tell)

    def plan_push(self, spec: ImageSpec, names: ImageNames) -> BuildAndPush | BuildxPush:
        """Return what builds and pushes. Raises UsageError for what cannot be."""
        build = BuildImage(self.engine, names, spec.source(), self.tell)
        if _needs_buildx(spec):
            return BuildxPush(self.engine, self.client, names, build.source, self.patience, self.tell)
        return BuildAndPush(build, PushImage(self.engine, self.client, names, self.patience))

    def rollout(self, environment: Environment | None, image: Repository, plan: Plan) -> list[Step]:
        """Return the steps that roll out, on the laptop, what a plan has pushed of a listed image."""
        if environment is None or not environment.build(image) or isinstance(plan, BuildImage | BuildxLoad):
            return []
        from ducklake_registry.workflows.roll_out_image import RollOutImage  # the cluster's modules: 70 ms

        return RollOutImage(self.engine, self.client, environment, image, plan.result, self.patience).steps()


def _needs_buildx(spec: ImageSpec) -> bool:
    several = len(spec.options.platforms) > 1
    if several and spec.builder is Builder.ENGINE:
        raise UsageError(
            "the engine's own builder builds for one platform", "leave --builder out: buildx does more"
        )
    return several or spec.builder is Builder.BUILDX


def _options(recipe: Recipe, listed: BuildOptions) -> BuildOptions:
    names = [name for each in recipe.platform or () for name in each.split(",") if name]
    platforms = tuple(dict.fromkeys(str(Platform.parse(name)) for name in names))
    return BuildOptions(
        {**listed.build_args, **_arguments(recipe.build_arg or ())},
        recipe.target or listed.target,
        recipe.no_cache or listed.no_cache,
        recipe.pull or listed.pull,
        platforms or listed.platforms,
    )


def _labels(labels: Sequence[str]) -> dict[str, str]:
    """Read `NAME=VALUE`; raises UsageError."""
    pairs = [each.partition("=") for each in labels]
    if wrong := [each for each, (name, sign, _) in zip(labels, pairs, strict=True) if not name or not sign]:
        raise UsageError(f"{wrong[0]!r} is no label", "write --label NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _moment(epoch: int | None) -> datetime | None:
    """Return the moment that SOURCE_DATE_EPOCH means. Raises UsageError for one after the year 9999."""
    try:
        return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"SOURCE_DATE_EPOCH is no moment in seconds: {error}", "export SOURCE_DATE_EPOCH=$(date +%s)"
        ) from error


def _arguments(build_args: Sequence[str]) -> dict[str, str]:
    """Read `NAME=VALUE`, or `NAME` whose value the environment has, as `docker build` does."""
    pairs = [each.partition("=") for each in build_args]
    if any(not name for name, _, _ in pairs):
        raise UsageError("a build argument has no name", "write --build-arg NAME=VALUE")
    given = {name: value if sign else os.environ.get(name) for name, sign, value in pairs}
    return {name: value for name, value in given.items() if value is not None}
