"""Running a program in a pod.

Source: the Kubernetes API's `pods/exec`, subprotocol v4.channel.k8s.io: each message begins with the number of
its channel, and the last one, on channel 3, is a Status.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ducklake_registry.errors import ClusterError, ClusterUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websocket import WebSocket

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object

_PROTOCOL = "v4.channel.k8s.io"
_STDOUT, _STDERR, _STATUS = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Executed:
    """What a program wrote, and the status that it ended with."""

    output: str
    errors: str
    status: int


def execute(cluster: Cluster, pod: Object, argv: Sequence[str], timeout: float) -> Executed:
    """Run a program in a pod's first container, wait for its end and return what it wrote.

    The pod's own `timeout` program ends it after that many seconds (status 124): a program whose connection is
    closed would otherwise run on in there. Raises ClusterError when it cannot be started, AccessDenied.
    """
    limited = ["timeout", f"{timeout:g}", *argv]
    query = urlencode({"command": limited, "stdout": "true", "stderr": "true"}, doseq=True)
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/exec?{query}"
    with contextlib.closing(cluster.websocket(path, _PROTOCOL)) as channels:
        channels.settimeout(timeout + 5)
        heard = _hear(channels)
    status = _status(json.loads(heard[_STATUS] or b"{}"), argv)
    return Executed(heard[_STDOUT].decode(errors="replace"), heard[_STDERR].decode(errors="replace"), status)


def _hear(channels: WebSocket) -> defaultdict[int, bytes]:
    """Return all that comes over each channel until the other side closes."""
    from websocket import ABNF, WebSocketException

    heard: defaultdict[int, bytes] = defaultdict(bytes)
    try:
        while True:
            operation, message = channels.recv_data()
            if operation == ABNF.OPCODE_CLOSE or _STATUS in heard:
                return heard
            heard[message[0]] += message[1:]
    except (WebSocketException, OSError) as error:
        raise ClusterUnreachable(f"the connection into the pod was lost: {error}") from error


def _status(end: dict[str, Any], argv: Sequence[str]) -> int:
    if end.get("status") == "Success":
        return 0
    for cause in end.get("details", {}).get("causes", ()):
        if cause.get("reason") == "ExitCode":  # the runtime's own failures have none
            return int(cause["message"])
    raise ClusterError(f"`{argv[0]}` cannot be run in the pod: {end.get('message', 'no reason given')}")
