"""A small Kubernetes API server over HTTP, for the faults that a real one does not give on demand."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.kubeconfig import Kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What is answered: a status with a body (plain data goes as JSON), line by line, cut short, or late."""

    status: int = 200
    body: Any = None
    streamed: bool = False
    cut: bool = False
    delay: float = 0

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeApi:
    """A server whose `answers` are looked up by path; `requests` is what it was asked."""

    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    address: str = ""

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        absent = refusal(404, f"{request.path} not found", "NotFound")
        return self.answers.get(f"{request.method} {request.path}") or self.answers.get(request.path) or absent

    def serve(self, api_version: str, *kinds: str) -> None:
        """Serve these kinds, each namespaced and with its plural in lower case."""
        prefix = "apis" if "/" in api_version else "api"
        resources = [
            {"name": f"{kind.lower()}s", "kind": kind, "namespaced": kind not in _CLUSTERS_OWN, "verbs": ["list"]}
            for kind in kinds
        ]
        self.answers[f"/{prefix}/{api_version}"] = Answer(body={"kind": "APIResourceList", "resources": resources})


_CLUSTERS_OWN = {"Namespace", "Node", "StorageClass"}


def refusal(status: int, message: str, reason: str = "") -> Answer:
    """Return a refusal as the API server words it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return Answer(status, body | {"code": status})


@contextlib.contextmanager
def fake_api() -> Iterator[FakeApi]:
    api = FakeApi()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.api = api
        api.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield api
        server.shutdown()
        thread.join()


def cluster_at(address: str, folder: Path, *, context: str = "fake", timeout: float = 5) -> Cluster:
    """Return a cluster whose kubeconfig leads to an address."""
    (path := folder / "kubeconfig").write_text(
        json.dumps(
            {
                "clusters": [{"name": "fake", "cluster": {"server": address}}],
                "users": [{"name": "fake", "user": {"token": "secret-token"}}],
                "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            }
        )
    )
    return Cluster(context, Kubeconfig((path,)), request_timeout=timeout)


class _Server(ThreadingHTTPServer):
    api: FakeApi
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _reply(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, url.path, dict(parse_qsl(url.query)), dict(self.headers), body)
        answer = cast("_Server", self.server).api.answer(request)
        time.sleep(answer.delay)
        content = answer.content()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            if answer.streamed:
                self.send_header("Transfer-Encoding", "chunked")
                chunks = [*content.splitlines(keepends=True), b""]
                content = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks)
            else:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if answer.cut else content)
        self.close_connection = answer.cut

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = _reply  # noqa: N815

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""
