"""Digests, sizes, platforms and times of all images: `dlr list-registry-images` against wrk.

wrk is given the same requests: a list of tags for each repository, a manifest and a config for each image. The
second run, from the cache, is compared with the list of tags alone.

python -m benchmarks.list_images --repositories 1000 --rounds 3
"""

from __future__ import annotations

import argparse
import tempfile
from typing import TYPE_CHECKING

from benchmarks.lists import DLR, compare, filled_registry, in_turns, run, wrk
from benchmarks.storage_tree import names
from ducklake_registry.oci import Manifest
from ducklake_registry.registry import RegistryClient, list_tags
from ducklake_registry.registry.bulk import WantedManifest

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLED = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=int, default=1000)
    parser.add_argument("--tags", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    images = options.repositories * options.tags
    with filled_registry(options.repositories, options.tags) as registry, tempfile.TemporaryDirectory() as cache:
        host = registry.host
        lists, manifests, configs = requests(host, options.repositories)
        whole = (*DLR, "--registry", host)
        run(*whole, DLR_CACHE_DIR=cache)
        works: dict[str, Callable[[], object]] = {
            "first run": lambda: run(*whole, "--no-cache"),
            "second run": lambda: run(*whole, DLR_CACHE_DIR=cache),
            "second run, --fixed-tags": lambda: run(*whole, "--fixed-tags", DLR_CACHE_DIR=cache),
            "tags alone": lambda: run(*whole, "--no-details"),
            "wrk, requests of the first": lambda: (
                wrk(host, lists, len(lists)) + wrk(host, manifests, images) + wrk(host, configs, images)
            ),
        }
        medians = in_turns(works, options.rounds)
    pairs = [
        ("first run", "wrk, requests of the first", 4.0),
        ("second run", "tags alone", 1.5),
        ("second run, --fixed-tags", "tags alone", 1.5),
    ]
    compare(medians, pairs)


def requests(registry: str, repositories: int) -> tuple[list[str], list[str], list[str]]:
    """Return the paths of all lists of tags, and those of a sample of manifests and of configs."""
    every = names(repositories)
    sample = every[:: max(1, repositories // _SAMPLED)]
    lists = [f"/v2/{name}/tags/list" for name in every]
    manifests, configs = [], []
    with RegistryClient(registry, auth=None) as client:
        images = [(found.repository, tag) for found in list_tags(client, sample) for tag in found.tags]
        for (name, tag), manifest in client.manifests_of((place, WantedManifest(*place)) for place in images):
            assert isinstance(manifest, Manifest)
            manifests.append(f"/v2/{name}/manifests/{tag}")
            configs.append(f"/v2/{name}/blobs/{manifest.config.digest}")
    return lists, manifests, configs


if __name__ == "__main__":
    main()
