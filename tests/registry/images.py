"""Small images to put into registries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ducklake_registry.oci import Descriptor, Index, Manifest, Platform, media_types, parse_manifest

if TYPE_CHECKING:
    from ducklake_registry.registry import RegistryClient


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


def push_image(
    client: RegistryClient, repository: str, tag: str | None, text: str = "hello", **fields: Any
) -> Manifest:
    config = json.dumps(
        {
            "os": "linux",
            "architecture": "amd64",
            "created": "2024-05-06T07:08:09Z",
            "config": {"Labels": {"t": text}},
        }
    ).encode()
    layer = text.encode() * 100
    for blob in (config, layer):
        client.upload_blob(repository, blob)
    manifest = manifest_of(config, layer, **fields)
    client.put_manifest(repository, tag, manifest)
    return manifest


def push_index(client: RegistryClient, repository: str, tag: str) -> tuple[Index, list[Manifest]]:
    platforms = [Platform("linux", "amd64"), Platform("linux", "arm64", "v8")]
    manifests = [push_image(client, repository, None, str(platform)) for platform in platforms]
    entries = [
        Descriptor(manifest.media_type, manifest.digest, len(manifest.raw), platform)
        for manifest, platform in zip(manifests, platforms, strict=True)
    ]
    index = Index.of(entries)
    client.put_manifest(repository, tag, index)
    return index, manifests
