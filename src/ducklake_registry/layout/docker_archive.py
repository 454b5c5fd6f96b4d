"""What `docker save` wrote before 25, and others write still: manifest.json, configs and layers, no OCI layout.

There are no manifests of images in it, so these are ours: the config and the layers as they are, byte for byte.
Source: "Docker Image Specification v1.2", "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any

from ducklake_registry.errors import InvalidAnswer, UsageError
from ducklake_registry.layout.compression import GZIP, ZSTD
from ducklake_registry.layout.content import InMemory, read_small
from ducklake_registry.layout.names import REF_NAME
from ducklake_registry.oci import Descriptor, ImageConfig, Manifest, media_types
from ducklake_registry.oci.json_fields import text, texts
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ducklake_registry.layout.content import FilePart, Part


def converted(path: Path, files: Mapping[str, FilePart]) -> tuple[tuple[Descriptor, ...], dict[Digest, Part]]:
    """Make descriptors of an archive's images, and say where the bytes of each digest are.

    An image has an entry for each of its names. Raises UsageError.
    """
    parts: dict[Digest, Part] = {}
    images: list[Descriptor] = []
    try:
        for entry in _entries(files["manifest.json"]):
            manifest = _convert(files, entry, parts)
            names = texts(entry, "RepoTags") or ("",)
            images += [_named(manifest, name) for name in names]
    except InvalidAnswer as error:
        raise UsageError(f"{path} is damaged: {error.message}", "save it again") from error
    return tuple(images), parts


def _entries(part: FilePart) -> list[dict[str, Any]]:
    try:
        entries = json.loads(read_small(part, "manifest.json"))
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer("its manifest.json is no JSON") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidAnswer("its manifest.json is no list of images")
    return entries


def _convert(files: Mapping[str, FilePart], entry: dict[str, Any], parts: dict[Digest, Part]) -> Manifest:
    """Write the manifest of one image and note where its parts are."""
    part = _file(files, text(entry, "Config"))
    config = read_small(part, "the image's config")
    layers = [_file(files, name) for name in texts(entry, "Layers")]
    diff_ids = ImageConfig.parse(config).diff_ids
    if len(diff_ids) != len(layers):
        raise InvalidAnswer(f"the config tells of {len(diff_ids)} layers, but there are {len(layers)}")
    described = [_layer(layer, diff_id) for layer, diff_id in zip(layers, diff_ids, strict=True)]
    manifest = Manifest.of(Descriptor.of(config, media_types.OCI_CONFIG), described)
    parts |= {each.digest: layer for each, layer in zip(described, layers, strict=True)}
    parts |= {manifest.config.digest: part, manifest.digest: InMemory(manifest.raw)}
    return manifest


def _layer(part: FilePart, diff_id: str) -> Descriptor:
    """Describe a layer; one that is not compressed has its digest in the config, to be proved when it is sent."""
    start = b"".join(map(bytes, part.pieces(0, min(len(ZSTD), part.size))))
    if start.startswith(GZIP):
        return Descriptor(media_types.OCI_LAYER_GZIP, part.digest(), part.size)
    if start.startswith(ZSTD):
        return Descriptor(media_types.OCI_LAYER_ZSTD, part.digest(), part.size)
    try:
        return Descriptor(media_types.OCI_LAYER, Digest(diff_id), part.size)
    except UsageError as error:
        raise InvalidAnswer(error.message) from error


def _named(manifest: Manifest, name: str) -> Descriptor:
    names = {REF_NAME: name} if name else {}
    return Descriptor(manifest.media_type, manifest.digest, len(manifest.raw), None, names)


def _file(files: Mapping[str, FilePart], name: str) -> FilePart:
    part = files.get(posixpath.normpath(name))
    if part is None:
        raise InvalidAnswer(f"{name or 'the config'} is not in it")
    return part
