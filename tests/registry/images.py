"""Small images to put into registries."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ducklake_registry.oci import Descriptor, Index, Manifest, Platform, media_types, parse_manifest
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from ducklake_registry.registry import RegistryClient


AMD64 = Platform("linux", "amd64")


@dataclass(frozen=True)
class Types:
    """The media types of an image: what it is made of stays the same."""

    manifest: str
    index: str
    config: str
    layer: str


OCI = Types(media_types.OCI_MANIFEST, media_types.OCI_INDEX, media_types.OCI_CONFIG, media_types.OCI_LAYER_GZIP)
DOCKER = Types(
    media_types.DOCKER_MANIFEST,
    media_types.DOCKER_LIST,
    media_types.DOCKER_CONFIG,
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)


def manifest_of(config: bytes, *layers: bytes, types: Types = OCI, **fields: Any) -> Manifest:
    document = {
        "schemaVersion": 2,
        "mediaType": types.manifest,
        "config": Descriptor.of(config, types.config).to_json(),
        "layers": [Descriptor.of(layer, types.layer).to_json() for layer in layers],
        **fields,
    }
    # Indented, so that writing it again would change its digest.
    manifest = parse_manifest(json.dumps(document, indent=3).encode())
    assert isinstance(manifest, Manifest)
    return manifest


def layer_of(text: str) -> tuple[bytes, Digest]:
    """A layer with one file in it, and the digest of its uncompressed form."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("content")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(archive.getvalue(), mtime=0), Digest.of(archive.getvalue())


def push_image(
    client: RegistryClient,
    repository: str,
    tag: str | None,
    text: str = "hello",
    platform: Platform = AMD64,
    **fields: Any,
) -> Manifest:
    layer, diff_id = layer_of(text)
    document = {
        **platform.to_json(),
        "created": "2024-05-06T07:08:09Z",
        "config": {"Labels": {"text": text}},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": "2024-05-06T07:08:09Z", "created_by": "tests"}],
    }
    config = json.dumps(document).encode()
    for blob in (config, layer):
        client.upload_blob(repository, blob)
    manifest = manifest_of(config, layer, **fields)
    client.put_manifest(repository, tag, manifest)
    return manifest


def push_index(
    client: RegistryClient, repository: str, tag: str, types: Types = OCI
) -> tuple[Index, list[Manifest]]:
    platforms = [Platform("linux", "amd64"), Platform("linux", "arm64", "v8")]
    manifests = [
        push_image(client, repository, None, str(platform), platform, types=types) for platform in platforms
    ]
    entries = [
        Descriptor(manifest.media_type, manifest.digest, len(manifest.raw), platform)
        for manifest, platform in zip(manifests, platforms, strict=True)
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": types.index,
        "manifests": [entry.to_json() for entry in entries],
    }
    index = parse_manifest(json.dumps(document, indent=3).encode())
    assert isinstance(index, Index)
    client.put_manifest(repository, tag, index)
    return index, manifests
