"""What the user's own machine gets between them and a registry."""

from __future__ import annotations

import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.proxy import behind, on
from tests.registry import programs

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor
    from tests.registry.faults import Faulty
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
def test_a_proxy_that_swallows_localhost(
    newest: RunningRegistry, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """curl and requests go by ALL_PROXY too, Python's urllib does not."""
    monkeypatch.setenv(name, f"http://127.0.0.1:{programs.free_port()}")
    found = doctor(newest.host)
    assert found.broken_at == "client"
    assert "through the proxy 127.0.0.1:" in found.of("client").seen
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert doctor(newest.host).checkup.healthy


def test_a_proxy_that_leads_to_localhost(
    newest: RunningRegistry, proxy: Faulty, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.host)
    proxy.behaviour = lambda request: request.reply(200, b"{}", Docker_Distribution_Api_Version="registry/2.0")
    found = doctor(newest.host)
    assert (found.checkup.healthy, found.checkup.findings) == (True, ())
    assert proxy.requests[0].path.startswith("http://localhost:")


def test_clocks_that_differ(
    newest: RunningRegistry, proxy: Faulty, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        BaseHTTPRequestHandler, "date_time_string", lambda *_: formatdate(time.time() + 700, usegmt=True)
    )
    proxy.behaviour = behind(newest.host, on(".*", "", lambda reply: reply.but(date=None)))
    found = doctor(proxy.host)
    assert found.checkup.healthy
    assert "the clock of the registry is 11m" in found.of("http").seen
    assert "ahead of this machine's" in found.of("http").seen
