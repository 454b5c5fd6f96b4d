"""All tags of 1,000 repositories with 10 images each, by their names alone.

`crane`, `regctl` and `oras` list the repositories and then the tags of each in a process of its own, four at a
time, since none of them has a command for all. `wrk` makes the same 1,000 requests over 8 connections.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.measure import DLR, Benchmark, Contender, Goal, Role, Scale, program, shell
from benchmarks.registries import filled_registry, wrk
from benchmarks.storage_tree import names

if TYPE_CHECKING:
    from collections.abc import Iterator

_PEERS = {
    "crane": "crane catalog {0} | xargs -P4 -I@ crane ls {0}/@",
    "regctl": "regctl --host reg={0},tls=disabled repo ls --limit 1000 {0} |"
    " xargs -P4 -I@ regctl --host reg={0},tls=disabled tag ls {0}/@",
    "oras": "oras repo ls --plain-http {0} | xargs -P4 -I@ oras repo tags --plain-http {0}/@",
}


@contextmanager
def _prepare(scale: Scale) -> Iterator[list[Contender]]:
    repositories = scale.of(1000)
    with filled_registry(repositories, tags=10) as registry:
        host = registry.host
        lists = [f"/v2/{name}/tags/list" for name in names(repositories)]
        words = (DLR, "list-registry-images", "--quiet", "--no-details", "--registry", host)
        peers = [
            shell(Role.PEER, f"{name}, 4 processes", command.format(host), name)
            for name, command in _PEERS.items()
        ]
        yield [program(Role.OURS, "dlr", *words), *peers, wrk("wrk", host, (lists, len(lists)))]


BENCHMARK = Benchmark(
    "list-tags",
    "All tags",
    __doc__,
    (
        Goal("all tags, against `crane catalog` and `crane ls`", "dlr", "crane, 4 processes", 0.2),
        Goal("all tags, against `wrk` for the same requests", "dlr", "wrk", 6),
    ),
    _prepare,
)
