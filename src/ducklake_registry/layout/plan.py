"""`Plan`: an image as one tar archive, every byte's place decided before the first blob is there.

The sizes of blobs are in the manifests, so the blobs can come in any order, and several at once. Before the
blobs stands what tells of them; two runs for the same image make the same archive.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.layout.names import CONTAINERD_NAME
from ducklake_registry.layout.writing import LAYOUT_VERSION
from ducklake_registry.oci import Descriptor, Index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ducklake_registry.layout.image import Image
    from ducklake_registry.oci import Manifest
    from ducklake_registry.reference import Digest


@dataclass(frozen=True, slots=True)
class Member:
    """A blob's place in an archive: its header at `offset` bytes, its content right after the header."""

    header: bytes
    offset: int

    @property
    def content_offset(self) -> int:
        """Where the content begins, in bytes from the archive's beginning."""
        return self.offset + len(self.header)


@dataclass(frozen=True, slots=True)
class Plan:
    """What stands at the beginning, where each blob goes, and the size of all in bytes."""

    head: bytes
    members: Mapping[Digest, Member]
    size: int

    @classmethod
    def of(cls, image: Image, names: Mapping[str, str]) -> Plan:
        """Plan the archive of an image that its index lists with `names` as annotations."""
        head = b"".join(_file(name, content) for name, content in _small_files(image, names).items())
        members, offset = {}, len(head)
        for blob in image.blobs:
            members[blob.digest] = member = Member(_header(_path(blob.digest), blob.size), offset)
            offset = _padded(member.content_offset + blob.size)
        return cls(head, members, offset + 2 * tarfile.BLOCKSIZE)


def _small_files(image: Image, names: Mapping[str, str]) -> dict[str, bytes]:
    root = image.root.descriptor
    listed = Descriptor(root.media_type, root.digest, root.size, root.platform, names)
    files = {"oci-layout": LAYOUT_VERSION, "index.json": Index.of([listed]).raw}
    if (single := image.only_runnable) is not None:
        files["manifest.json"] = _docker_manifest(single, names.get(CONTAINERD_NAME))
    return files | {_path(each.digest): each.raw for each in image.manifests}


def _docker_manifest(manifest: Manifest, name: str | None) -> bytes:
    """Write what `docker load` of engines before 25 looks for, and knows one platform in."""
    entry = {
        "Config": _path(manifest.config.digest),
        "RepoTags": [name] if name else None,
        "Layers": [_path(layer.digest) for layer in manifest.layers],
    }
    return json.dumps([entry]).encode()


def _path(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def _file(name: str, content: bytes) -> bytes:
    whole = _header(name, len(content)) + content
    return whole.ljust(_padded(len(whole)), b"\0")


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
