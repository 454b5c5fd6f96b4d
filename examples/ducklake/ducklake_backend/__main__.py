"""The HTTP service.

GET  /livez          does the process answer?
GET  /readyz         do both stores, and do they belong together?
GET  /version        which code runs, and in which pod
GET  /tables         what is in the lake
GET  /tables/NAME    the records of a table
POST /tables/NAME    add records: a JSON object, or a list of them
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ducklake_backend import VERSION
from ducklake_backend.lake import Damaged, Lake, Unavailable

PORT = 8080
DRAIN_SECONDS = 5.0
"""How long a pod that is told to end still answers: until no service sends it requests any more."""

LARGEST_BODY = 1 << 20
"""Bytes that one request may add."""

_TABLE = re.compile(r"/tables/([a-z][a-z0-9_]{0,62})")


Answer = tuple[HTTPStatus, Mapping[str, Any]]


class Refused(Exception):
    """What was asked for cannot be: the status to answer with, and why."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Service(ThreadingHTTPServer):
    """The server, with the lake that its requests are about."""

    daemon_threads = False  # what has begun is answered before the process ends
    draining = False

    def __init__(self, lake: Lake) -> None:
        super().__init__(("", PORT), Request)
        self.lake = lake

    def drain(self) -> None:
        """End, but not before those who send requests have noticed."""
        self.draining = True
        threading.Timer(DRAIN_SECONDS, self.shutdown).start()


class Request(BaseHTTPRequestHandler):
    """One request, and its answer in JSON."""

    server: Service
    timeout = 10  # seconds that a client may be silent

    def do_GET(self) -> None:
        """Answer a question."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Add records."""
        self._answer(self._post)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log requests, but not the probes, of which there are many."""
        if self.path not in {"/livez", "/readyz"}:
            super().log_request(code, size)

    def _get(self) -> Answer:
        lake = self.server.lake
        match self.path:
            case "/livez":
                return HTTPStatus.OK, {"status": "alive"}
            case "/readyz":
                if self.server.draining:
                    raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "this pod is about to end")
                lake.check()
                return HTTPStatus.OK, {"status": "ready"}
            case "/version":
                return HTTPStatus.OK, {"version": VERSION, "pod": socket.gethostname()}
            case "/tables":
                return HTTPStatus.OK, {"tables": lake.tables()}
        table = self._table()
        if not (records := lake.read(table)):
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no table {table}")
        return HTTPStatus.OK, {"table": table, "records": records}

    def _post(self) -> Answer:
        return HTTPStatus.CREATED, self.server.lake.write(self._table(), self._records())

    def _table(self) -> str:
        if match := _TABLE.fullmatch(self.path):
            return match[1]
        raise Refused(HTTPStatus.NOT_FOUND, "there is only /tables, /tables/NAME, /version, /readyz and /livez")

    def _records(self) -> list[dict[str, Any]]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "say how long the body is: Content-Length")
        if int(length) > LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{LARGEST_BODY} bytes at once are the most")
        try:
            found = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"that is no JSON: {error}") from error
        records = found if isinstance(found, list) else [found]
        if not records or not all(isinstance(each, dict) for each in records):
            raise Refused(HTTPStatus.BAD_REQUEST, "a record is a JSON object")
        return records

    def _answer(self, ask: Callable[[], Answer]) -> None:
        try:
            status, content = ask()
        except Refused as refusal:
            status, content = refusal.status, {"error": str(refusal)}
        except (Unavailable, Damaged) as error:
            self.log_error("%s: %s", self.path, error)
            away = isinstance(error, Unavailable)
            status = HTTPStatus.SERVICE_UNAVAILABLE if away else HTTPStatus.INTERNAL_SERVER_ERROR
            content = {"error": str(error)}
        body = f"{json.dumps(content)}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until SIGTERM."""
    lake = Lake(os.environ["LAKE_ENDPOINT"], os.environ["LAKE_BUCKET"])
    with Service(lake) as service:
        signal.signal(signal.SIGTERM, lambda *_: service.drain())
        service.serve_forever()


if __name__ == "__main__":
    main()
