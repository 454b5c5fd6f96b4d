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
            return _listener(port, address) or "another program"
    return None


def _listener(port: int, address: str) -> str | None:
    import psutil

    own = {address, f"::ffff:{address}", "0.0.0.0", "::"}  # noqa: S104
    try:
        listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        found = [each.pid for each in listening if each.laddr and each.laddr.port == port and each.laddr.ip in own]
        pid = next(filter(None, found), None)
        return f"{psutil.Process(pid).name()} (process {pid})" if pid else None
    except psutil.Error:
        return None  # other users' programs are not ours to see
