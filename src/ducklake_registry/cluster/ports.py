"""Who holds a port of this machine."""

from __future__ import annotations

import socket


def holder_of(port: int, address: str = "127.0.0.1") -> str | None:
    """Return who listens on a port, as far as the system tells; None when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return "the system, which keeps ports below 1024 for itself"
        except OSError:
            return _listener(port) or "another program"
    return None


def _listener(port: int) -> str | None:
    import psutil

    try:
        listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        pid = next((each.pid for each in listening if each.laddr and each.laddr.port == port), None)
        return f"{psutil.Process(pid).name()} (process {pid})" if pid else None
    except psutil.Error:
        return None  # other users' programs are not ours to see
