"""The doctor at engines that do not speak to a registry: the machine's own, and one of the tests' own."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import tarfile
import time
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.doctor import settings
from ducklake_registry.engine import Engine
from tests.doctor.own_engine import WHY_NONE, own_engine
from tests.registry import programs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doctor.conftest import Doctor, Seen

pytestmark = [pytest.mark.registry, pytest.mark.engine]


def test_an_engine_that_insists_on_tls(release: str, tmp_path: Path, doctor: Doctor) -> None:
    """The engine speaks plain HTTP to this machine's loopback, but not to its other addresses."""
    asked = subprocess.run(["docker", "info"], capture_output=True, check=False)
    host = own_address()
    if asked.returncode or host.startswith("127."):
        pytest.skip(f"no Docker Engine here, or no address but {host}")
    engine = Engine()
    with programs.running(release, tmp_path, address="0.0.0.0") as registry:
        name = f"{host}:{registry.host.partition(':')[2]}"
        found = doctor(f"http://{name}", engine)
        subprocess.run(["docker", "tag", "registry:3.1.2", f"{name}/app"], capture_output=True, check=True)
        pushed = subprocess.run(["docker", "push", f"{name}/app"], capture_output=True, text=True, check=False)
        subprocess.run(["docker", "rmi", f"{name}/app"], capture_output=True, check=True)
    engine.close()
    assert "server gave HTTP response to HTTPS client" in pushed.stderr + pushed.stdout
    assert found.broken_at == "client"
    assert name in found.of("client").repair


def own_address() -> str:
    """The address from which this machine speaks to others; nothing is sent to find out."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


@pytest.mark.skipif(WHY_NONE is not None, reason=str(WHY_NONE))
@pytest.mark.parametrize("has_settings", [True, False])
def test_an_engine_is_told_to_speak_plain_http(
    tmp_path: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, has_settings: bool
) -> None:
    with own_engine(tmp_path) as own, programs.running("3.1", tmp_path, address="0.0.0.0") as registry:
        monkeypatch.setenv("DOCKER_HOST", own.url)
        monkeypatch.setattr(settings, "_ENGINES", own.settings)
        if not has_settings:
            own.settings.unlink()
        name = f"{own_address()}:{registry.host.partition(':')[2]}"
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w").close()
        subprocess.run(["docker", "import", "-", f"{name}/app"], input=empty.getvalue(), check=True)

        found = looked(doctor, name)
        assert found.broken_at == "client"
        own.typed(found.of("client").repair)
        end = time.monotonic() + 20
        while not (found := looked(doctor, name)).checkup.healthy:
            assert time.monotonic() < end, found
            time.sleep(0.2)
        subprocess.run(["docker", "push", f"{name}/app"], check=True)
        kept = {"max-concurrent-uploads": 2} if has_settings else {}
        assert json.loads(own.settings.read_text()) == kept | {"insecure-registries": [name]}


def looked(doctor: Doctor, name: str) -> Seen:
    """Look with an engine of which nothing is known yet."""
    engine = Engine()
    try:
        return doctor(f"http://{name}", engine)
    finally:
        engine.close()
