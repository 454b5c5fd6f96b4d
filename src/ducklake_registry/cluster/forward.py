"""A port of this machine that leads to a pod, through the API server.

Source: the Kubernetes API's `pods/portforward`, subprotocol v4.channel.k8s.io: each message begins with its
channel, 0 for data and 1 for an error's text, and the first message of each channel names the port.
"""

from __future__ import annotations

import errno
import select
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.diagnosis import no_registry, pod_trouble
from ducklake_registry.cluster.kinds import DEPLOYMENT
from ducklake_registry.cluster.ports import holder_of, next_free
from ducklake_registry.cluster.workload import is_ready, newest_pods
from ducklake_registry.errors import ClusterError, DlrError, UsageError
from ducklake_registry.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from websocket import WebSocket

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.step import Report

_PROTOCOL = "v4.channel.k8s.io"
_DATA = 0
_PIECE = 128 * 1024

_LINGER = 5.0
"""Seconds of silence after which a connection ends whose caller has nothing more to say."""

_PATIENCE = 30.0
"""Seconds that a connection waits for a pod that can take it: a rollout replaces one in less."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """The way from `address`:`port` of this machine to `pod_port` of a Deployment's newest ready pod.

    Each connection looks for the pod anew, so that one which comes after a rollout leads to the new pod.
    """

    cluster: Cluster
    namespace: str
    deployment: str
    address: str
    port: int
    pod_port: int

    def described(self, pod: str) -> str:
        """Return what leads where, in a line for the user."""
        host = "localhost" if self.address == "127.0.0.1" else self.address
        host = f"[{host}]" if ":" in host else host
        return f"forwarding http://{host}:{self.port} -> pod/{pod} (Ctrl-C ends it)"

    def listen(self) -> socket.socket:
        """Take the port, which from then on holds connections until `serve` gets to them.

        Raises UsageError for an address that this machine does not have, ClusterError for a port that is taken.
        """
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        try:
            return socket.create_server((self.address, self.port), family=family, backlog=128)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                message = f"cannot listen on {self.address}: {error.strerror}"
                raise UsageError(message, hint="--address takes an address of this machine") from error
            holder = holder_of(self.port, self.address) or "another program"
            hint = f"end that, or choose another port: --port {next_free(self.port)}"
            raise ClusterError(f"port {self.port} is held by {holder}", hint) from error

    def find_pod(self) -> str:
        """Return the name of the pod that takes the next connection; wait a little while there is none.

        Raises ClusterError when there is no registry, TimeoutExpired when no pod of it gets ready.
        """

        def probe() -> str | NotYet:
            deployment = self.cluster.get(DEPLOYMENT, self.deployment, self.namespace)
            if deployment is None:
                raise no_registry(self.cluster, self.namespace)
            pods = newest_pods(self.cluster, deployment)
            if ready := next(filter(is_ready, pods), None):
                return str(ready["metadata"]["name"])
            return NotYet(next(filter(None, map(pod_trouble, pods)), None) or "no pod is ready")

        look = Commands.of(self.cluster, self.namespace).dlr("registry-status")
        hint = f"see what it waits for: {look}"
        return wait_for("a pod that is ready", probe, Deadline(_PATIENCE), interval=0.5, hint=hint)

    def serve(self, listener: socket.socket, report: Report) -> None:
        """Carry each connection that comes, without an end.

        `report` hears which pod it leads to, and why one could not be carried.
        """
        while True:
            caller, _ = listener.accept()
            threading.Thread(target=self._carry, args=(caller, report), daemon=True).start()

    def _carry(self, caller: socket.socket, report: Report) -> None:
        with caller:
            try:
                pod = self.find_pod()
                path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/portforward?ports={self.pod_port}"
                channels = self.cluster.websocket(path, _PROTOCOL)
            except DlrError as error:
                report(f"a connection could not be forwarded: {error.message}")
                return
            report(self.described(pod))
            trouble = _pump(caller, channels)
            if trouble:
                report(f"a connection to pod/{pod} ended: {trouble}")


def _pump(caller: socket.socket, channels: WebSocket) -> str | None:
    """Carry bytes both ways until one side is done; return the trouble that the other end told, if any.

    One thread does both, since a TLS connection may not be read and written by two at once.
    """
    from websocket import WebSocketException

    pod = channels.fileno()
    readable = select.poll()
    readable.register(caller, select.POLLIN)
    readable.register(pod, select.POLLIN)
    patience: float | None = None
    named: set[int] = set()
    try:
        while events := {number for number, _ in readable.poll(patience)}:
            if caller.fileno() in events:
                if piece := caller.recv(_PIECE):
                    channels.send_binary(bytes([_DATA]) + piece)
                else:  # it says no more, but may still listen to the answer
                    readable.unregister(caller)
                    patience = _LINGER * 1000
            if pod in events:
                _deliver(channels, caller, named)
    except _Ended as end:
        return str(end) or None
    except (WebSocketException, OSError):
        return None  # one side broke off; the other learns it by its connection's end
    finally:
        channels.shutdown()
    return None


class _Ended(Exception):
    """The pod's side is done; the text is its trouble, or empty."""


def _deliver(channels: WebSocket, caller: socket.socket, named: set[int]) -> None:
    """Hand on all messages that are there; `named` are the channels whose first message has come."""
    from websocket import ABNF

    more = True
    while more:
        operation, frame = channels.recv_data_frame(control_frame=True)
        if operation == ABNF.OPCODE_CLOSE:
            raise _Ended
        if operation == ABNF.OPCODE_BINARY:
            channel, content = frame.data[0], memoryview(frame.data)[1:]
            if channel not in named:
                named.add(channel)
            elif channel == _DATA:
                caller.sendall(content)
            else:
                raise _Ended(bytes(content).decode(errors="replace").strip())
        # What TLS has decrypted already does not make the socket readable again.
        more = isinstance(channels.sock, ssl.SSLSocket) and channels.sock.pending() > 0
