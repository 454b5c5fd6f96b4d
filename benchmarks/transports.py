"""What could carry the bytes: `http.client`, urllib3, httpx's own transport, and what `dlr` has.

1,000 small answers (lists of tags) in 8 threads, and a blob of 400 MB with its digest. This is within one
process, without the start of Python; it is why `dlr` asks over connections of its own. Lists of `dlr` go over
`registry/wires.py`, which this does not measure.
"""

from __future__ import annotations

import hashlib
import http.client
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import urllib3

from benchmarks.measure import Benchmark, Contender, Role, Sample, Scale
from benchmarks.registries import LARGE, empty_registry, filled_registry, push_large
from benchmarks.storage_tree import names
from ducklake_registry.oci import Manifest
from ducklake_registry.registry import RegistryClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PIECE = 256 * 1024
THREADS = 8


class Plain:
    """http.client alone: a connection for each thread."""

    def __init__(self, registry: str) -> None:
        self.registry = registry
        self.local = threading.local()

    def get(self, path: str) -> http.client.HTTPResponse:
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(self.registry)
        self.local.connection.request("GET", path)
        response: http.client.HTTPResponse = self.local.connection.getresponse()
        return response

    def pieces(self, path: str) -> Iterable[memoryview]:
        buffer = memoryview(bytearray(PIECE))
        response = self.get(path)
        while count := response.readinto(buffer):
            yield buffer[:count]


@contextmanager
def _prepare_small(scale: Scale) -> Iterator[list[Contender]]:
    repositories = scale.of(1000)
    with filled_registry(repositories, tags=10) as registry:
        host, every = registry.host, names(repositories)
        paths = [f"/v2/{name}/tags/list" for name in every]
        plain, pool = Plain(host), urllib3.PoolManager(maxsize=THREADS)
        client = httpx.Client(base_url=f"http://{host}")
        with RegistryClient(host, auth=None) as ours:
            yield [
                _within(
                    "http.client", Role.LIMIT, lambda: _in_threads(lambda path: plain.get(path).read(), paths)
                ),
                _within(
                    "urllib3",
                    Role.PEER,
                    lambda: _in_threads(lambda path: pool.request("GET", f"http://{host}{path}").data, paths),
                ),
                _within("httpx", Role.PEER, lambda: _in_threads(lambda path: client.get(path).content, paths)),
                _within("RegistryClient", Role.OURS, lambda: _in_threads(ours.tags, every)),
            ]


@contextmanager
def _prepare_large(scale: Scale) -> Iterator[list[Contender]]:
    with tempfile.TemporaryDirectory(prefix="dlr-bench-") as folder, empty_registry(Path(folder)) as registry:
        push_large(registry, scale.of(800))
        plain, pool = Plain(registry.host), urllib3.PoolManager()
        client = httpx.Client(base_url=f"http://{registry.host}")
        with registry.client() as ours:
            found = ours.manifest(LARGE, "v1")
            assert isinstance(found, Manifest)
            layer = found.layers[0]
            path = f"/v2/{LARGE}/blobs/{layer.digest}"

            def by_urllib3() -> None:
                answer = pool.request("GET", f"http://{registry.host}{path}", preload_content=False)
                _digest(answer.stream(PIECE))
                answer.release_conn()

            def by_httpx() -> None:
                with client.stream("GET", path) as response:
                    _digest(response.iter_raw())

            def by_ours() -> None:
                with ours.blob(LARGE, layer) as reader:
                    for _ in reader:
                        pass

            yield [
                _within("http.client, readinto", Role.LIMIT, lambda: _digest(plain.pieces(path))),
                _within("urllib3", Role.PEER, by_urllib3),
                _within("httpx", Role.PEER, by_httpx),
                _within("RegistryClient", Role.OURS, by_ours),
            ]


def _within(name: str, role: Role, work: Callable[[], None]) -> Contender:
    """Return a contender that is a function of this process."""
    return Contender(name, role, partial(_timed, work))


def _timed(work: Callable[[], None]) -> Sample:
    start, processor = time.perf_counter(), time.process_time()
    work()
    return Sample(time.perf_counter() - start, time.process_time() - processor)


def _in_threads(ask: Callable[[str], object], asked: Iterable[str]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(ask, asked))


def _digest(pieces: Iterable[bytes | memoryview]) -> None:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)


SMALL = Benchmark("transports-small", "Transports, small answers", __doc__, (), _prepare_small)
LARGE_BLOB = Benchmark("transports-large", "Transports, a large blob", __doc__, (), _prepare_large)
