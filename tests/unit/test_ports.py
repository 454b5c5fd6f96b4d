"""Who holds a port, asked of real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress

import psutil

from ducklake_registry.cluster.ports import holder_of, next_free

_LISTENER = """
import socket, sys
server = socket.create_server((sys.argv[1], 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_the_holder_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = holder_of(server.getsockname()[1])
    assert found == f"{psutil.Process().name()} (process {os.getpid()})"


def test_one_that_listens_everywhere_holds_it_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert holder_of(server.getsockname()[1]) is not None


def test_one_that_listens_by_ipv6_everywhere_holds_it_too() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        assert holder_of(server.getsockname()[1]) is not None


def test_the_next_free_port_is_held_by_nobody_at_either_localhost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        port: int = first.getsockname()[1]
        with suppress(OSError), socket.create_server(("::1", port + 1), family=socket.AF_INET6):
            assert next_free(port) > port + 1
        assert holder_of(next_free(port)) is None


def test_the_holder_on_this_address_is_told_from_one_on_another() -> None:
    argv = [sys.executable, "-c", _LISTENER, "127.0.0.2"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        port = int(other.stdout.readline())
        assert holder_of(port) is None
        with socket.create_server(("127.0.0.1", port)):
            assert f"(process {os.getpid()})" in str(holder_of(port))
        other.communicate()


def test_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert holder_of(port) is None


def test_a_port_that_was_used_a_moment_ago_is_free() -> None:
    """Its connections are still in TIME_WAIT, which an engine does not mind either."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    assert holder_of(port) is None
