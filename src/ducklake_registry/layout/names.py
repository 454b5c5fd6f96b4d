"""What images are called in a layout: by their tag, as the specification says, and by their whole name.

Tags alone would let images of several repositories take each other's place in one folder.

Source: "Pre-Defined Annotation Keys" of the OCI image specification 1.1; the other is containerd's and Docker's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ducklake_registry.oci import Descriptor
    from ducklake_registry.reference import Reference

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


def names_for(reference: Reference) -> dict[str, str]:
    """Return the annotations that name an image by its tag; none where it has but a digest."""
    if not reference.tag:
        return {}
    whole = f"{reference.registry}/{reference.repository}:{reference.tag}"
    return {CONTAINERD_NAME: whole, REF_NAME: reference.tag}


def names_of(image: Descriptor) -> tuple[str, ...]:
    """Return what a listed image may be called: without the registry, by the tag alone, by its whole name."""
    whole, tag = (image.annotations.get(key, "") for key in (CONTAINERD_NAME, REF_NAME))
    return tuple(filter(None, (whole.partition("/")[2], tag, whole)))


def is_called_as(image: Descriptor, other: Descriptor) -> bool:
    """Tell whether of two listed images the later one takes the earlier one's place."""
    for key in (CONTAINERD_NAME, REF_NAME):
        names = image.annotations.get(key), other.annotations.get(key)
        if None not in names:
            return names[0] == names[1]
    return image.digest == other.digest and not (names_of(image) or names_of(other))
