"""Images in files: OCI image layouts in folders and tar archives, and what `docker save` writes."""

from __future__ import annotations

from ducklake_registry.layout.archive import LayoutArchive
from ducklake_registry.layout.content import PIECE, FilePart, FileSlice, InMemory, Part
from ducklake_registry.layout.files import Incoming, Store
from ducklake_registry.layout.image import Image, gather
from ducklake_registry.layout.names import CONTAINERD_NAME, REF_NAME, names_for
from ducklake_registry.layout.reading import Layout, open_layout, opened
from ducklake_registry.layout.writing import LayoutFolder

__all__ = [
    "CONTAINERD_NAME",
    "PIECE",
    "REF_NAME",
    "FilePart",
    "FileSlice",
    "Image",
    "InMemory",
    "Incoming",
    "Layout",
    "LayoutArchive",
    "LayoutFolder",
    "Part",
    "Store",
    "gather",
    "names_for",
    "open_layout",
    "opened",
]
