"""Small images to put into registries."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from ducklake_registry.oci import Descriptor, Index, Manifest, Platform, media_types, parse_manifest
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from ducklake_registry.registry import RegistryClient


AMD64 = Platform("linux", "amd64")


def manifest_of(config: bytes, *layers: bytes, **fields: Any) -> Manifest:
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": Descriptor.of(config, media_types.OCI_CONFIG).to_json(),
        "layers": [Descriptor.of(layer, media_types.OCI_LAYER_GZIP).to_json() for layer in layers],
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


def push_index(client: RegistryClient, repository: str, tag: str) -> tuple[Index, list[Manifest]]:
    platforms = [Platform("linux", "amd64"), Platform("linux", "arm64", "v8")]
    manifests = [push_image(client, repository, None, str(platform), platform) for platform in platforms]
    entries = [
        Descriptor(manifest.media_type, manifest.digest, len(manifest.raw), platform)
        for manifest, platform in zip(manifests, platforms, strict=True)
    ]
    index = Index.of(entries)
    client.put_manifest(repository, tag, index)
    return index, manifests
