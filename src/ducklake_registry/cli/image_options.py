"""The options of building, pushing and pulling images."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ducklake_registry.cli.options import platform
from ducklake_registry.oci import descriptor


class Builder(StrEnum):
    """What builds an image; `auto` takes buildx where several platforms need it."""

    AUTO = "auto"
    ENGINE = "engine"
    BUILDX = "buildx"


DEFAULT_IMAGE = "ducklake-backend"
"""What the project's image is called where nobody says otherwise."""

Context = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONTEXT",
        help="Folder to build. Default: what [[environment.build]] lists, else the current one.",
        show_default=False,
    ),
]
Image = Annotated[
    str | None,
    typer.Option(
        "--image",
        envvar="DLR_IMAGE",
        metavar="NAME",
        help=f"Its name, without registry. Default: what [[environment.build]] lists, else {DEFAULT_IMAGE}.",
        show_default=False,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        "-t",
        envvar=["DLR_TAG", "IMAGE_TAG"],
        metavar="TAG",
        help="Tag; may be repeated.",
        show_default=False,
    ),
]
Dockerfile = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f", envvar="DLR_FILE", metavar="FILE", help="Dockerfile. Default: CONTEXT/Dockerfile."
    ),
]
BuildArgs = Annotated[
    list[str] | None,
    typer.Option(
        "--build-arg",
        envvar="DLR_BUILD_ARG",
        metavar="NAME[=VALUE]",
        help="Value of an ARG, the environment's if left out; may be repeated.",
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", envvar="DLR_TARGET", metavar="STAGE", help="Stage to build up to.")
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", envvar="DLR_LABEL", metavar="NAME=VALUE", help="A label; may be repeated."),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", envvar="DLR_NO_BUILD_CACHE", help="Run every step of the build anew.")
]
PullBase = Annotated[bool, typer.Option("--pull", envvar="DLR_PULL", help="Look for newer base images.")]
Platforms = Annotated[
    list[str] | None,
    typer.Option(
        "--platform",
        envvar="DLR_BUILD_PLATFORM",
        metavar="OS/ARCH[,…]",
        help="What it is to run on; several need docker buildx.",
    ),
]
Platform = Annotated[
    descriptor.Platform | None,
    typer.Option(
        "--platform",
        envvar="DLR_PLATFORM",
        metavar="OS/ARCH",
        parser=platform,
        help="Which image of several to take.",
    ),
]
BuilderChoice = Annotated[
    Builder,
    typer.Option("--builder", envvar="DLR_BUILDER", help="The engine's own, or docker buildx."),
]
SourceDateEpoch = Annotated[
    int | None,
    typer.Option(
        envvar=["DLR_SOURCE_DATE_EPOCH", "SOURCE_DATE_EPOCH"],
        metavar="SECONDS",
        min=0,
        help="When it counts as made. Default: the commit, or the newest file.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build an image; a command gets its options by `connected`.

    None and false leave it to what the project's settings list.
    """

    file: Dockerfile = None
    build_arg: BuildArgs = None
    target: Target = None
    label: Labels = None
    no_cache: NoCache = False
    pull: PullBase = False
    platform: Platforms = None
    builder: BuilderChoice = Builder.AUTO
    source_date_epoch: SourceDateEpoch = None


Prod = Annotated[bool, typer.Option("--prod", help="Push to production's registry; `latest` is refused.")]
_PROD_REGISTRY = typer.Option(
    "--prod-registry",
    envvar=["DLR_PROD_REGISTRY", "PROD_REGISTRY"],
    metavar="HOST[:PORT]",
    help="Production's registry.",
    show_default=False,
)
ProdRegistry = Annotated[str | None, _PROD_REGISTRY]
ProdRegistryOnly = Annotated[str, _PROD_REGISTRY]
ProdContext = Annotated[
    str | None,
    typer.Option(
        "--prod-context",
        envvar=["DLR_PROD_CONTEXT", "PROD_CONTEXT"],
        metavar="NAME",
        help="Production's kube context; no other is ever taken.",
        show_default=False,
    ),
]
Rollout = Annotated[
    bool,
    typer.Option(
        "--rollout/--no-rollout",
        envvar="DLR_ROLLOUT",
        help="Then run it on the laptop's cluster, where its environment is.",
    ),
]
BuildOnly = Annotated[bool, typer.Option("--build-only", help="Build, and push nothing.")]
PushOnly = Annotated[bool, typer.Option("--push-only", help="Push what was built before.")]
AllTags = Annotated[bool, typer.Option("--all-tags", "-a", help="Pull every tag of the image.")]
ShortName = Annotated[
    bool,
    typer.Option(
        "--short-name/--no-short-name",
        envvar="DLR_SHORT_NAME",
        help="Also name it without the registry, like ducklake-backend:v1.",
    ),
]
