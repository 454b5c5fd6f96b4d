"""Images made from nothing: a program of a few bytes that ends with status 0, in one layer.

Sources: System V ABI, "ELF Header" and "Program Header"; the Linux system calls `exit` of both processors;
"OCI Image Configuration" and "Image Layer Filesystem Changeset" of the OCI image specification 1.1.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import struct
import tarfile
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ducklake_registry.oci import Descriptor, Index, Manifest, Platform, media_types, parse_manifest
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")

PROGRAM = "dlr-acceptance"

# exit(0): the number of the machine in an ELF header, and the instructions.
_MACHINES = {
    "amd64": (62, bytes.fromhex("31ff b83c000000 0f05")),  # xor edi,edi; mov eax,60; syscall
    "arm64": (183, bytes.fromhex("000080d2 a80b80d2 010000d4")),  # mov x0,#0; mov x8,#93; svc #0
}
_ADDRESS = 0x400000
_ELF_HEADER, _PROGRAM_HEADER = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
_READ_AND_EXECUTE = 5
_PAGE = 0x10000


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """An image with the content of its blobs."""

    manifest: Manifest
    blobs: tuple[bytes, ...]
    platform: Platform


@dataclass(frozen=True, slots=True)
class GeneratedIndex:
    """An index with the images that it names."""

    index: Index
    images: tuple[GeneratedImage, ...]


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that no compression makes smaller, the same each time (a registry.Content); `size` is theirs."""

    size: int

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """Give the bytes from `start` up to before `end`."""
        block = memoryview(_noise())
        while start < end:
            offset = start % len(block)
            piece = block[offset : offset + end - start]
            yield piece
            start += len(piece)

    def digest(self) -> Digest:
        """Compute the digest of it all."""
        hasher = hashlib.sha256()
        for each in self.pieces(0, self.size):
            hasher.update(each)
        return Digest(f"sha256:{hasher.hexdigest()}")


@cache
def _noise() -> bytes:
    return random.Random(0).randbytes(1024 * 1024)  # noqa: S311 - nothing secret


def program(architecture: str) -> bytes:
    """Return a static Linux program that ends with status 0 and does nothing else."""
    machine, code = _MACHINES[architecture]
    headers = _ELF_HEADER.size + _PROGRAM_HEADER.size
    identification = b"\x7fELF" + bytes([2, 1, 1])  # 64 bits, little-endian, version 1
    header = _ELF_HEADER.pack(
        identification,
        2,  # an executable
        machine,
        1,
        _ADDRESS + headers,
        _ELF_HEADER.size,  # where the program header is; there are no sections
        0,
        0,
        _ELF_HEADER.size,
        _PROGRAM_HEADER.size,
        1,
        0,
        0,
        0,
    )
    size = headers + len(code)
    segment = _PROGRAM_HEADER.pack(1, _READ_AND_EXECUTE, 0, _ADDRESS, _ADDRESS, size, size, _PAGE)
    return header + segment + code


def image(text: str, platform: Platform = AMD64) -> GeneratedImage:
    """Make an image that runs the program; `text`, in a file beside it, makes its digest differ from others'."""
    archive = _archive({PROGRAM: program(platform.architecture), "about": text.encode()})
    layer = gzip.compress(archive, mtime=0)
    config = json.dumps(
        {
            **platform.to_json(),
            "config": {"Entrypoint": [f"/{PROGRAM}"], "Labels": {"dlr.acceptance": text}},
            "rootfs": {"type": "layers", "diff_ids": [Digest.of(archive)]},
        }
    ).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": Descriptor.of(config, media_types.OCI_CONFIG).to_json(),
        "layers": [Descriptor.of(layer, media_types.OCI_LAYER_GZIP).to_json()],
    }
    return GeneratedImage(_manifest(document), (config, layer), platform)


def index(text: str) -> GeneratedIndex:
    """Make an index of the image for two platforms."""
    images = tuple(image(text, platform) for platform in (AMD64, ARM64))
    entries = [
        Descriptor(each.manifest.media_type, each.manifest.digest, len(each.manifest.raw), each.platform)
        for each in images
    ]
    return GeneratedIndex(Index.of(entries), images)


def attachment(subject: Descriptor, text: str) -> GeneratedImage:
    """Make an artifact that refers to an image ("Guidelines for Artifact Usage" of the image specification)."""
    # Its config is not the empty one of the specification: what two runs share, one could take from the other.
    config, note = json.dumps({"about": text}).encode(), text.encode()
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "artifactType": "application/vnd.dlr.acceptance",
        "config": Descriptor.of(config, "application/vnd.dlr.acceptance.config.v1+json").to_json(),
        "layers": [Descriptor.of(note, "text/plain").to_json()],
        "subject": Descriptor(subject.media_type, subject.digest, subject.size).to_json(),
    }
    return GeneratedImage(_manifest(document), (config, note), AMD64)


def _manifest(document: dict[str, object]) -> Manifest:
    # Indented: a registry that writes the JSON anew, instead of keeping its bytes, changes the digest.
    made = parse_manifest(json.dumps(document, indent=3).encode())
    assert isinstance(made, Manifest)  # noqa: S101 - it is what was written above
    return made


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
