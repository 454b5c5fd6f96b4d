"""What an image that is built here is called, and what its labels say of it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError
from ducklake_registry.git import Checkout, NoCheckout, read_checkout
from ducklake_registry.reference import Tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LATEST = Tag("latest")
_PREFIX = "org.opencontainers.image"


class Destination(Enum):
    """What kind of registry an image goes to: the laptop's own, production's, or any other."""

    LOCAL = auto()
    OTHER = auto()
    PRODUCTION = auto()


def choose_tags(
    given: Sequence[str], checkout: Checkout | NoCheckout, destination: Destination
) -> tuple[Tag, ...]:
    """Return the tags that were given, else git's; on the laptop's registry `latest` too, which comes last.

    Raises UsageError where there is none, and for `latest` in production.
    """
    tags = [Tag(each) for each in given] or [_git_tag(checkout)]
    if destination is Destination.LOCAL:
        tags = [*(each for each in tags if each != LATEST), LATEST]
    if destination is Destination.PRODUCTION and LATEST in tags:
        raise UsageError(
            "`latest` is no tag for production: nobody could tell what runs, or go back",
            "give it a version: --tag v1.2.3, or a git tag",
        )
    return tuple(dict.fromkeys(tags))


def oci_labels(
    checkout: Checkout | None, version: Tag, created: datetime, own: Mapping[str, str]
) -> dict[str, str]:
    """Return the labels of an image, `own` ones winning. Source: "Annotations" of the OCI image specification."""
    known = {"version": str(version), "created": created.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    if checkout:
        known["revision"] = f"{checkout.revision}{'-dirty' if checkout.dirty else ''}"
        known["source"] = checkout.source
    return {f"{_PREFIX}.{key}": value for key, value in known.items() if value} | dict(own)


def find_checkout(folder: Path) -> Checkout | NoCheckout:
    """Return what is checked out in a folder, or why nothing is."""
    try:
        return read_checkout(folder)
    except NoCheckout as error:
        return error


def _git_tag(checkout: Checkout | NoCheckout) -> Tag:
    if isinstance(checkout, NoCheckout):
        reason = f"no tag for the image: git has none ({checkout.message})"
        raise UsageError(reason, "name one: --tag v1") from checkout
    return checkout.tag
