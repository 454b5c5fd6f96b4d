"""Fill a registry's storage with small images, by writing the files that distribution keeps them in.

Through the API ten thousand images take minutes; the layout of the files is that of distribution's
`registry/storage/paths.go`, the same in 2.8 and 3.1.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ducklake_registry.reference import Repository

if TYPE_CHECKING:
    from pathlib import Path

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BASE = b"the layer that all images share" * 100


def fill(root: Path, repositories: int, tags: int) -> None:
    """Write `repositories` x `tags` images, each with a config of its own and a shared and an own layer."""
    tree = root / "docker/registry/v2"
    for number, name in enumerate(names(repositories)):
        repository = tree / "repositories" / name
        layers = [_blob(tree, repository, BASE), _blob(tree, repository, f"layer of {number}".encode())]
        for tag in range(tags):
            _image(tree, repository, f"v1.{tag}", layers, f"{number}/{tag}")


def names(repositories: int) -> list[Repository]:
    """Return the names of the repositories."""
    return [Repository(f"team{number % 20:02}/service-{number:05}") for number in range(repositories)]


def _image(tree: Path, repository: Path, tag: str, layers: list[dict[str, object]], name: str) -> None:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": {"Env": ["PATH=/usr/bin"], "Labels": {"name": name}, "Entrypoint": ["/bin/service"]},
        "rootfs": {"type": "layers", "diff_ids": [each["digest"] for each in layers]},
        "history": [{"created_by": "COPY base /"}, {"created_by": "COPY service /bin/"}],
    }
    described = _blob(tree, repository, json.dumps(config).encode(), CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers}
    content = json.dumps(manifest).encode()
    digest = hashlib.sha256(content).hexdigest()
    _write(tree / f"blobs/sha256/{digest[:2]}/{digest}/data", content)
    link = f"sha256:{digest}".encode()
    _write(repository / f"_manifests/revisions/sha256/{digest}/link", link)
    _write(repository / f"_manifests/tags/{tag}/current/link", link)
    _write(repository / f"_manifests/tags/{tag}/index/sha256/{digest}/link", link)


def _blob(tree: Path, repository: Path, content: bytes, media_type: str = LAYER) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    _write(tree / f"blobs/sha256/{digest[:2]}/{digest}/data", content)
    _write(repository / f"_layers/sha256/{digest}/link", f"sha256:{digest}".encode())
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
