"""Fill a registry for the benchmarks: repositories of ten small images each, and one large image.

python benchmarks/seed.py localhost:5000 --repositories 1000 --large 800
"""

from __future__ import annotations

import argparse
import json
import os

from ducklake_registry.oci import Descriptor, Manifest, media_types, parse_manifest
from ducklake_registry.registry import RegistryClient
from ducklake_registry.registry.parallel import in_parallel

TAGS = 10
LARGE = "bench/large"


def push(
    client: RegistryClient, repository: str, tag: str, config: dict[str, object], layers: list[bytes]
) -> None:
    raw = json.dumps({"os": "linux", "architecture": "amd64", **config}).encode()
    for blob in (raw, *layers):
        client.upload_blob(repository, blob)
    fields = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": Descriptor.of(raw, media_types.OCI_CONFIG).to_json(),
        "layers": [Descriptor.of(layer, media_types.OCI_LAYER).to_json() for layer in layers],
    }
    manifest = parse_manifest(json.dumps(fields).encode())
    assert isinstance(manifest, Manifest)
    client.put_manifest(repository, tag, manifest)


def fill(client: RegistryClient, number: int) -> None:
    for tag in range(TAGS):
        config: dict[str, object] = {
            "created": "2024-05-06T07:08:09Z",
            "config": {"Labels": {"n": f"{number}.{tag}"}},
        }
        push(
            client, f"bench/team{number % 10}/app{number:05}", f"v{tag}", config, [b"layer%d" % (number % 7) * 100]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("registry")
    parser.add_argument("--repositories", type=int, default=1000)
    parser.add_argument("--large", type=int, default=0, help="megabytes of the large image's two layers")
    options = parser.parse_args()
    with RegistryClient(options.registry) as client:
        for _ in in_parallel(lambda number: fill(client, number), range(options.repositories)):
            pass
        if options.large:
            half = options.large * 500_000
            push(client, LARGE, "v1", {}, [os.urandom(half), os.urandom(half)])


if __name__ == "__main__":
    main()
