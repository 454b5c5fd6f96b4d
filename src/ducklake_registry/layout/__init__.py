"""Images in files: OCI image layouts, read from folders and archives and written into folders."""

from __future__ import annotations

from ducklake_registry.layout.content import PIECE, FilePart
from ducklake_registry.layout.reading import REF_NAME, Layout, open_layout
from ducklake_registry.layout.writing import LayoutFolder

__all__ = ["PIECE", "REF_NAME", "FilePart", "Layout", "LayoutFolder", "open_layout"]
