"""What carries the bytes: `http.client`, urllib3 and httpx's own transport, for small answers and a large blob.

python benchmarks/transports.py localhost:5000      # filled by seed.py --large
"""

from __future__ import annotations

import hashlib
import http.client
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import urllib3

from ducklake_registry.registry import RegistryClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def timed(name: str, function: Callable[[], object]) -> None:
    start, processor = time.perf_counter(), time.process_time()
    function()
    print(f"{name:32} {time.perf_counter() - start:6.2f} s, processor {time.process_time() - processor:6.2f} s")


def lists(get: Callable[[str], bytes], paths: list[str]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        assert all(json.loads(body)["name"] for body in pool.map(get, paths))


def blob(pieces: Iterable[bytes | memoryview]) -> None:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)


def main() -> None:
    registry = sys.argv[1]
    base = f"http://{registry}"
    plain, pool, client = Plain(registry), urllib3.PoolManager(maxsize=THREADS), httpx.Client(base_url=base)
    with RegistryClient(registry) as ours:
        repositories = [name for name in ours.catalog() if name.startswith("bench/team")]
        paths = [f"/v2/{name}/tags/list" for name in repositories]
        manifest = json.loads(ours.manifest("bench/large", "v1").raw)
        large = manifest["layers"][0]["digest"]
        path = f"/v2/bench/large/blobs/{large}"
        print(f"{len(paths)} lists of tags in {THREADS} threads")
        timed("http.client", lambda: lists(lambda path: plain.get(path).read(), paths))
        timed("urllib3", lambda: lists(lambda path: pool.request("GET", base + path).data, paths))
        timed("httpx, its own transport", lambda: lists(lambda path: client.get(path).content, paths))
        with ThreadPoolExecutor(THREADS) as threads:
            timed("RegistryClient", lambda: list(threads.map(ours.tags, repositories)))
        print(f"a blob of {manifest['layers'][0]['size']:,} bytes, with its digest")
        timed("http.client, readinto", lambda: blob(plain.pieces(path)))
        answer = pool.request("GET", base + path, preload_content=False)
        timed("urllib3, stream", lambda: blob(answer.stream(PIECE)))
        with client.stream("GET", path) as response:
            timed("httpx, its own transport", lambda: blob(response.iter_raw()))
        with ours.blob("bench/large", large) as reader:
            timed("RegistryClient", lambda: list(map(len, reader)))


if __name__ == "__main__":
    main()
