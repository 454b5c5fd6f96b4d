"""What the API server says at the end of a program that ran in a pod.

The connection is a fake: that a container dies just when a program is started in it cannot be had on demand. What
programs in real pods say is in the tests of `registry-status` and `doctor`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ducklake_registry.cluster.execute import execute
from ducklake_registry.errors import ClusterError

POD = {"metadata": {"namespace": "storage", "name": "docker-registry-1"}}


class Channels:
    """A connection over which some messages come before it is closed."""

    def __init__(self, *messages: bytes) -> None:
        self._messages = [(2, each) for each in messages]

    def websocket(self, _path: str, _protocol: str) -> Channels:
        return self

    def settimeout(self, _seconds: float) -> None:
        pass

    def recv_data(self) -> tuple[int, bytes]:
        return self._messages.pop(0) if self._messages else (8, b"")

    def close(self) -> None:
        pass


def ended(**status: Any) -> bytes:
    return b"\x03" + json.dumps({"metadata": {}, **status}).encode()


def run(*messages: bytes) -> Any:
    cluster: Any = Channels(*messages)
    return execute(cluster, POD, ["df"], 1)


def test_what_it_wrote_and_how_it_ended() -> None:
    cause = {"reason": "ExitCode", "message": "3"}
    done = run(b"\x01out", b"\x02er", b"\x02ror", ended(status="Failure", details={"causes": [cause]}))
    assert (done.output, done.errors, done.status) == ("out", "error", 3)


def test_a_container_that_dies_as_the_program_starts() -> None:
    """The runtime's failure is a cause without a reason."""
    said = "Internal error occurred: error executing command in container: task not found"
    cause = {"message": "error executing command in container"}
    with pytest.raises(ClusterError, match="`df` cannot be run in the pod: Internal error occurred: error exec"):
        run(ended(status="Failure", message=said, reason="InternalError", details={"causes": [cause]}))


def test_a_connection_that_ends_without_a_word() -> None:
    with pytest.raises(ClusterError, match="no reason given"):
        run(b"\x01out")
