"""`Image`: everything that an image consists of, collected before any of it is moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.errors import NotFound
from ducklake_registry.oci import Descriptor, ImageConfig, Index, Manifest, Platform, media_types

if TYPE_CHECKING:
    from ducklake_registry.reference import Digest

Read = Callable[[Descriptor], Manifest | Index]
"""Reads a manifest or an index, verified, from wherever the image is."""

ReadConfig = Callable[[Descriptor], bytes]
"""Reads the config of an image, verified."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image with all that it needs: manifests in the order to write them, its own last, and blobs."""

    manifests: tuple[Manifest | Index, ...]
    blobs: tuple[Descriptor, ...]

    @property
    def root(self) -> Manifest | Index:
        """What the image's name points to."""
        return self.manifests[-1]

    @property
    def size(self) -> int:
        """Bytes of all manifests and blobs."""
        return sum(len(manifest.raw) for manifest in self.manifests) + sum(blob.size for blob in self.blobs)

    @property
    def only_runnable(self) -> Manifest | None:
        """The one manifest that can be run, None where there are several or none; attestations do not count."""
        found = [each for each in self.manifests if isinstance(each, Manifest) and _is_runnable(each)]
        return found[0] if len(found) == 1 else None


def gather(read: Read, root: Descriptor, platform: Platform | None, config: ReadConfig | None = None) -> Image:
    """Collect what an image consists of; of an index every platform, or the one that is wanted.

    With `config` the wanted platform is also held against that of an image which is for one only. Raises
    NotFound where the wanted platform is not there.
    """
    top = read(root)
    if isinstance(top, Index) and platform:
        top = read(_choose(top, platform))
    elif platform and config:
        _check_platform(top, config, platform)
    manifests: dict[Digest, Manifest | Index] = {}
    _collect(read, top, manifests)
    found = [manifest for manifest in manifests.values() if isinstance(manifest, Manifest)]
    blobs = {blob.digest: blob for manifest in found for blob in manifest.blobs}
    return Image(tuple(manifests.values()), tuple(blobs.values()))


def _is_runnable(manifest: Manifest) -> bool:
    layers = all(layer.media_type.startswith(media_types.LAYER_PREFIXES) for layer in manifest.layers)
    return manifest.config.media_type in media_types.CONFIGS and layers


def _collect(read: Read, top: Manifest | Index, manifests: dict[Digest, Manifest | Index]) -> None:
    """Put what an index lists before the index: a registry may want to know it first."""
    if isinstance(top, Index):
        for entry in top.manifests:
            if entry.digest not in manifests:
                _collect(read, read(entry), manifests)
    manifests[top.digest] = top


def _choose(index: Index, platform: Platform) -> Descriptor:
    for entry in index.manifests:
        if entry.platform and entry.platform.matches(platform):
            return entry
    raise _other_platforms(platform, [str(entry.platform) for entry in index.manifests if entry.platform])


def _check_platform(manifest: Manifest | Index, read: ReadConfig, wanted: Platform) -> None:
    """Hold the platform that an image's own config tells against the one that is wanted."""
    if isinstance(manifest, Manifest) and manifest.config.media_type in media_types.CONFIGS:
        own = ImageConfig.parse(read(manifest.config)).platform
        if not own.matches(wanted):
            raise _other_platforms(wanted, [str(own)])


def _other_platforms(wanted: Platform, there: list[str]) -> NotFound:
    known = [each for each in there if each not in ("", "unknown/unknown")]
    hint = f"it is there for {', '.join(known)}" if known else None
    return NotFound(f"the image is not made for {wanted}", hint)
