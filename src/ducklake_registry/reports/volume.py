"""How much of its volume the registry uses, and how much is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from ducklake_registry.cluster.execute import execute
from ducklake_registry.errors import ClusterError
from ducklake_registry.manifests import names

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.execute import Executed
    from ducklake_registry.manifests import Object

_LIMIT = 10.0
"""Seconds that counting may take: a registry of millions of blobs is not walked while somebody waits."""

_ENDED_BY_LIMIT = 124
_KIBI = 1024


@dataclass(frozen=True, slots=True)
class Disk:
    """The filesystem that the volume is on, in bytes. It may be larger than the claim, and shared with others."""

    size: int
    free: int


def disk(cluster: Cluster, pod: Object) -> Disk:
    """Ask the pod about the filesystem under the registry's folder. Raises ClusterError."""
    ran = execute(cluster, pod, ["df", "-Pk", names.FOLDER], _LIMIT)
    return parse_df(ran.output) if ran.status == 0 else _fail("df", ran)


def stored(cluster: Cluster, pod: Object) -> int:
    """Let the pod count the bytes that the registry's files take. Raises ClusterError."""
    ran = execute(cluster, pod, ["du", "-sk", names.FOLDER], _LIMIT)
    if ran.status == _ENDED_BY_LIMIT:
        raise ClusterError(f"there is so much that counting it takes more than {_LIMIT:g} s")
    # A folder like lost+found, which is not the registry's to read, makes `du` fail after it has counted.
    return parse_du(ran.output) if ran.output.strip() else _fail("du", ran)


def parse_df(output: str) -> Disk:
    """Read what `df -Pk` writes. Source: POSIX.1-2017, df, "STDOUT" with -P."""
    _, size, _, free, _ = output.splitlines()[-1].split(maxsplit=4)
    return Disk(int(size) * _KIBI, int(free) * _KIBI)


def parse_du(output: str) -> int:
    """Read what `du -sk` writes. Source: POSIX.1-2017, du, "STDOUT"."""
    return int(output.split(maxsplit=1)[0]) * _KIBI


def _fail(program: str, ran: Executed) -> NoReturn:
    raise ClusterError(f"`{program}` failed in the pod: {ran.errors.strip() or f'status {ran.status}'}")
