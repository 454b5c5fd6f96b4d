"""Tar archives of images, as a test wants them."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from ducklake_registry.reference import Digest, Reference

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient


def named(client: RegistryClient, repository: str, tag: str = "v1") -> Reference:
    return Reference.parse(f"{client.endpoint.name}/{repository}:{tag}")


def content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isreg()}
        return {name: file.read() for name, file in files.items() if file}


def docker_archive(path: Path, *layers: bytes, names: list[str] | None = None, **config: Any) -> Digest:
    """What engines before 25 save: the second of two equal layers is a link to the first."""
    diff_ids = [Digest.of(layer) for layer in layers]
    raw = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}, **config}
    ).encode()
    name = f"{Digest.of(raw).hex}.json"
    entry = {"Config": name, "RepoTags": names, "Layers": [f"{n}/layer.tar" for n in range(len(layers))]}
    with tarfile.open(path, "w") as tar:
        for number, layer in enumerate(layers):
            if layer in layers[:number]:
                link = tarfile.TarInfo(f"{number}/layer.tar")
                link.type, link.linkname = tarfile.SYMTYPE, f"../{layers.index(layer)}/layer.tar"
                tar.addfile(link)
            else:
                add(tar, f"{number}/layer.tar", layer)
        add(tar, name, raw)
        add(tar, "manifest.json", json.dumps([entry]).encode())
    return Digest.of(raw)


def add(tar: tarfile.TarFile, name: str, raw: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(raw)
    tar.addfile(member, io.BytesIO(raw))
