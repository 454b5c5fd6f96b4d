"""Digests, sizes, platforms and times of 10,000 images in 1,000 repositories.

The first run knows nothing: a list of tags for each repository, a manifest and a config for each image. `wrk`
makes the same 21,000 requests. The second run has the facts by digest in its cache and asks of each tag only
whether it still names the same; it is compared with the list of tags alone, and `wrk` tells what as many questions
take. No peer has a command for this.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import DLR, Benchmark, Contender, Goal, Role, Scale, program, run
from benchmarks.registries import filled_registry, wrk
from benchmarks.storage_tree import names
from ducklake_registry.oci import Manifest
from ducklake_registry.registry import RegistryClient, list_tags
from ducklake_registry.registry.bulk import WantedManifest

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLED = 200
_TAGS = 10
_ONE_EACH = (
    "It cannot be, by a list that is true: a tag may have moved, and the API tells only by one request for each "
    "tag what it names now, which is ten times as many requests as the lists of tags are. They are as cheap as "
    "the API allows (`If-None-Match`; the answer is `304` without a body), and no config is asked for again. What "
    "`wrk` takes for just these requests is more than the goal already. "
    "Where tags never move, `--fixed-tags` says so."
)


@contextmanager
def _prepare(scale: Scale) -> Iterator[list[Contender]]:
    repositories = scale.of(1000)
    images = repositories * _TAGS
    with filled_registry(repositories, _TAGS) as registry, tempfile.TemporaryDirectory() as cache:
        host = registry.host
        lists, manifests, known, configs = requests(host, repositories)
        words = (DLR, "list-registry-images", "--quiet", "--registry", host)
        cached = partial(run, DLR_CACHE_DIR=cache)
        cached(*words)
        yield [
            program(Role.OURS, "first run", *words, "--no-cache"),
            Contender("second run", Role.OURS, partial(cached, *words)),
            Contender("second run, --fixed-tags", Role.OURS, partial(cached, *words, "--fixed-tags")),
            program(Role.OURS, "tags alone", *words, "--no-details"),
            wrk("wrk", host, (lists, len(lists)), (manifests, images), (configs, images)),
            wrk("wrk, as much as the second run", host, (lists, len(lists)), (known, images)),
        ]


def requests(registry: str, repositories: int) -> tuple[list[str], ...]:
    """Return the requests of all lists of tags, and of a sample: manifests, manifests that are known, configs."""
    every = names(repositories)
    sample = every[:: max(1, repositories // _SAMPLED)]
    lists = [f"/v2/{name}/tags/list" for name in every]
    manifests, known, configs = [], [], []
    with RegistryClient(registry, auth=None) as client:
        images = [(found.repository, tag) for found in list_tags(client, sample) for tag in found.tags]
        for (name, tag), manifest in client.manifests_of((place, WantedManifest(*place)) for place in images):
            assert isinstance(manifest, Manifest)
            manifests.append(f"/v2/{name}/manifests/{tag}")
            known.append(f'/v2/{name}/manifests/{tag} "{manifest.digest}"')
            configs.append(f"/v2/{name}/blobs/{manifest.config.digest}")
    return lists, manifests, known, configs


BENCHMARK = Benchmark(
    "list-images",
    "All details of all images",
    __doc__,
    (
        Goal("all details of 10,000 images, against `wrk` for the same requests", "first run", "wrk", 4),
        Goal("second run, from the cache, against all tags alone", "second run", "tags alone", 1.5, _ONE_EACH),
        Goal(
            "second run with `--fixed-tags`, against all tags alone", "second run, --fixed-tags", "tags alone", 1.5
        ),
    ),
    _prepare,
    rounds=3,
)
