"""Who holds a port of this machine."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_EVERYWHERE = {socket.AF_INET: ("0.0.0.0", "::"), socket.AF_INET6: ("::",)}  # noqa: S104


def holder_of(port: int, address: str = "127.0.0.1") -> str | None:
    """Return who listens on a port, as far as the system tells; None when it is free, or has no such address."""
    try:
        probe = socket.socket(_family(address))
    except OSError:
        return None
    with probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return "the system, which keeps ports below 1024 for itself"
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return None
            return _described(port, address) or "another program"
    return None


def next_free(port: int) -> int:
    """Return the next port that nobody on this machine holds, to be proposed in place of one that is held."""
    following = range(port + 1, min(port + 100, 65536))
    return next((each for each in following if not holder_of(each) and not holder_of(each, "::1")), port)


def forwards(port: int, address: str = "127.0.0.1") -> bool:
    """Return whether who listens on a port is a `port-forward`, of ours or of kubectl."""
    import psutil

    try:
        found = _listener(port, address)
        return found is not None and "port-forward" in found.cmdline()
    except psutil.Error:
        return False


def _described(port: int, address: str) -> str | None:
    import psutil

    try:
        found = _listener(port, address)
        return f"{found.name()} (process {found.pid})" if found else None
    except psutil.Error:
        return None  # other users' programs are not ours to see


def _listener(port: int, address: str) -> psutil.Process | None:
    import psutil

    own = {address, f"::ffff:{address}", *_EVERYWHERE[_family(address)]}
    listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    found = [each.pid for each in listening if each.laddr and each.laddr.port == port and each.laddr.ip in own]
    pid = next(filter(None, found), None)
    return psutil.Process(pid) if pid else None


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
