"""Blobs, put and got with nothing of ours."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
from urllib.parse import urlsplit


def put_blob(registry: str, repository: str, content: bytes) -> str:
    """Upload a blob in one piece, with nothing of ours."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    host, port = registry.split(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=120)) as connection:
        connection.request("POST", f"/v2/{repository}/blobs/uploads/")
        answer = connection.getresponse()
        answer.read()
        place = urlsplit(answer.headers["Location"])
        connection.request("PUT", f"{place.path}?{place.query}&digest={digest}", content)
        assert connection.getresponse().status == 201
    return digest


def get_blob(registry: str, repository: str, digest: str) -> str:
    """Download a blob and return its digest."""
    host, port = registry.split(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=120)) as connection:
        connection.request("GET", f"/v2/{repository}/blobs/{digest}")
        return f"sha256:{hashlib.sha256(connection.getresponse().read()).hexdigest()}"
