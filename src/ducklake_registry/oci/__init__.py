"""What an image is made of: descriptors, manifests, indexes, configs, and their media types."""

from __future__ import annotations

from ducklake_registry.oci import media_types
from ducklake_registry.oci.config import History, ImageConfig
from ducklake_registry.oci.descriptor import Descriptor, Platform
from ducklake_registry.oci.manifest import Index, Manifest, parse_manifest

__all__ = [
    "Descriptor",
    "History",
    "ImageConfig",
    "Index",
    "Manifest",
    "Platform",
    "media_types",
    "parse_manifest",
]
