"""Faults that need no cluster: each is made at a real registry, named, and gone after the repair."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.doctor.releases import outdated
from ducklake_registry.registry import Credentials, tls_context
from tests.acceptance.proxy import behind, instead, status
from tests.acceptance.test_registries import uploads
from tests.registry import certificates, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.doctor.conftest import Doctor
    from tests.registry.certificates import KeyPair
    from tests.registry.faults import Faulty
    from tests.registry.programs import RunningRegistry
    from tests.registry.token_server import TokenServer

pytestmark = pytest.mark.registry


def test_a_sound_registry_of_any_release(plain: RunningRegistry, doctor: Doctor) -> None:
    found = doctor(plain.host)
    assert (found.checkup.healthy, found.checkup.findings) == (True, ())
    assert found.states["writing"] == found.states["http"] == "sound"
    assert found.states["pod"] == found.states["engine"] == "not applicable"
    assert "dlr-doctor" not in str(list(plain.storage.rglob("*"))), "the look has left nothing"


def test_the_environment_that_was_never_made(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has named a registry: the laptop's own is meant, which begins with the engine."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    found = doctor(None)
    assert found.broken_at == "engine"
    assert "DOCKER_HOST is unix:///nowhere" in found.of("engine").seen
    assert found.of("engine").repair.startswith("unset DOCKER_HOST")
    assert found.states["namespace"] == found.states["pod"] == "follows"


def test_nobody_listens(doctor: Doctor) -> None:
    found = doctor(f"localhost:{programs.free_port()}")
    assert found.broken_at == "host port"
    assert "connection refused" in found.of("host port").seen
    assert found.of("http").follows_from == "host port"


def test_a_name_that_nobody_has(doctor: Doctor) -> None:
    found = doctor("registry.nowhere.invalid")
    assert found.broken_at == "host port"
    assert "no host is called" in found.of("host port").seen


def test_read_only_and_delete_disabled(frozen: tuple[RunningRegistry, RunningRegistry], doctor: Doctor) -> None:
    read_only, no_delete = (doctor(each.host) for each in frozen)
    assert read_only.broken_at == "writing"
    assert "storage.maintenance.readonly.enabled: false" in read_only.of("writing").repair
    assert no_delete.checkup.healthy
    assert no_delete.of("writing").severity == "warning"
    assert "storage.delete.enabled: true" in no_delete.of("writing").repair


class TestLogins:
    def test_nobody_is_logged_in(self, with_password: RunningRegistry, doctor: Doctor) -> None:
        found = doctor(with_password.host)
        assert found.broken_at == "login"
        assert found.of("login").repair == f"docker login {with_password.host}"
        assert found.states["http"] == "sound"

    def test_the_wrong_password_and_then_the_right_one(
        self, with_password: RunningRegistry, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def login(password: str) -> None:
            entry = {"username": programs.USER, "password": password}
            monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {with_password.host: entry}}))

        login("forgotten")
        found = doctor(with_password.host)
        assert found.broken_at == "login"
        assert f"does not accept the login of {programs.USER}" in found.of("login").seen
        assert "forgotten" not in str(found.checkup)
        login(programs.PASSWORD)
        found = doctor(with_password.host)
        assert found.checkup.healthy
        assert programs.PASSWORD not in str(found.checkup)

    def test_a_credential_helper_that_is_gone(
        self, newest: RunningRegistry, doctor: Doctor, tmp_path: Path
    ) -> None:
        (tmp_path / "docker").mkdir()
        (file := tmp_path / "docker" / "config.json").write_text('{"credsStore": "nonesuch"}')
        found = doctor(newest.host)
        assert found.broken_at == "client"
        assert "docker-credential-nonesuch" in found.of("client").seen
        file.write_text("{}")
        assert doctor(newest.host).checkup.healthy


class TestTokens:
    @pytest.fixture(autouse=True)
    def _as_before(self, tokens: TokenServer) -> Iterator[None]:
        yield
        tokens.anonymous_actions = frozenset()

    @pytest.mark.parametrize("actions", [None, frozenset(), frozenset({"pull"})], ids=["refused", "none", "pull"])
    def test_nobody_is_logged_in(
        self, with_tokens: RunningRegistry, tokens: TokenServer, doctor: Doctor, actions: frozenset[str] | None
    ) -> None:
        """Whether a token is given for nothing or not: nobody can push."""
        tokens.anonymous_actions = actions
        found = doctor(with_tokens.host)
        assert found.broken_at == "login"
        assert found.of("login").repair == f"docker login {with_tokens.host}"
        assert found.states["http"] == "sound"

    def test_anyone_may_push(self, with_tokens: RunningRegistry, tokens: TokenServer, doctor: Doctor) -> None:
        tokens.anonymous_actions = frozenset({"pull", "push", "delete"})
        found = doctor(with_tokens.host)
        assert (found.checkup.healthy, found.checkup.findings) == (True, ())
        assert uploads(with_tokens) == []

    @pytest.mark.parametrize("actions", [None, frozenset({"pull"})], ids=["refused", "given"])
    def test_a_login_that_is_wrong_and_one_that_is_right(
        self, with_tokens: RunningRegistry, tokens: TokenServer, doctor: Doctor, actions: frozenset[str] | None
    ) -> None:
        tokens.anonymous_actions = actions
        found = doctor(with_tokens.host, auth=Credentials(programs.USER, "forgotten"))
        assert found.broken_at == "login"
        assert f"does not accept the login of {programs.USER}" in found.of("login").seen
        found = doctor(with_tokens.host, auth=Credentials(programs.USER, programs.PASSWORD))
        assert (found.checkup.healthy, found.checkup.findings) == (True, ())
        assert found.states["writing"] == "sound"


class TestCertificates:
    @pytest.mark.parametrize(
        ("start", "end", "seen", "repair"),
        [
            ("20200101000000Z", "20200201000000Z", "certificate has expired", "openssl s_client"),
            ("20480101000000Z", "20490101000000Z", "not yet valid", "set-ntp"),
        ],
    )
    def test_out_of_its_time(
        self, tmp_path: Path, authority: KeyPair, doctor: Doctor, start: str, end: str, seen: str, repair: str
    ) -> None:
        pair = certificates.dated(tmp_path, authority, "dated", start, end)
        with secured(tmp_path, pair) as registry:
            found = doctor(registry.url, verify=tls_context(ca_file=authority.certificate))
        assert found.broken_at == "tls"
        assert seen in found.of("tls").seen
        assert repair in found.of("tls").repair
        assert found.of("http").follows_from == "tls"

    def test_renewed(self, tmp_path: Path, authority: KeyPair, doctor: Doctor) -> None:
        """The tests' certificates hold for two days, which is soon over."""
        pair = certificates.signed(tmp_path, authority, "server", "DNS:localhost")
        with secured(tmp_path, pair) as registry:
            trusting = doctor(registry.url, verify=tls_context(ca_file=authority.certificate))
            knowing_nobody = doctor(registry.url)
            plain = doctor(f"http://{registry.host}")
        assert trusting.checkup.healthy
        assert "expires in 1 days" in trusting.of("tls").seen
        assert knowing_nobody.broken_at == "tls"
        assert "--ca-file" in knowing_nobody.of("tls").repair
        assert plain.broken_at == "http"
        assert named_in(plain.of("http").repair) == f"https://{registry.host}"

    def test_for_another_name(self, tmp_path: Path, authority: KeyPair, doctor: Doctor) -> None:
        pair = certificates.signed(tmp_path, authority, "other", "DNS:registry.example.com")
        with secured(tmp_path, pair) as registry:
            found = doctor(registry.url, verify=tls_context(ca_file=authority.certificate))
        assert found.broken_at == "tls"
        assert "for other names" in found.of("tls").means

    def test_none_at_all(self, newest: RunningRegistry, doctor: Doctor) -> None:
        found = doctor(f"https://{newest.host}")
        assert found.broken_at == "tls"
        right = named_in(found.of("tls").repair)
        assert right == f"http://{newest.host}"
        assert doctor(right).checkup.healthy


def named_in(repair: str) -> str:
    """Return the registry that a repair names for the commands that follow."""
    script = f'{repair}\nprintf %s "$DLR_REGISTRY"'
    return subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout


@contextmanager
def secured(folder: Path, pair: KeyPair) -> Iterator[RunningRegistry]:
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    with programs.running("3.1", folder, tls=tls, ca_file=pair.certificate) as registry:
        yield registry


class TestOtherPrograms:
    def test_airplay(self, proxy: Faulty, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
        """As macOS answers on port 5000."""
        monkeypatch.setattr(BaseHTTPRequestHandler, "version_string", lambda _: "AirTunes/760.20.1")
        proxy.behaviour = lambda request: request.reply(403)
        found = doctor(proxy.host)
        assert found.broken_at == "http"
        assert "AirPlay" in found.of("http").means
        assert "AirPlay Receiver off" in found.of("http").repair

    def test_a_web_page(self, proxy: Faulty, doctor: Doctor) -> None:
        proxy.behaviour = lambda request: request.reply(200, b"<html>Welcome", Content_Type="text/html")
        found = doctor(proxy.host)
        assert found.broken_at == "http"
        assert "no registry" in found.of("http").means

    def test_one_that_says_nothing(self, doctor: Doctor) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            found = doctor(f"localhost:{server.getsockname()[1]}", timeout=1.0)
        assert found.broken_at == "http"
        assert "no answer" in found.of("http").seen
        assert found.of("http").repair.startswith("curl -i ")

    def test_a_registry_that_fails(self, newest: RunningRegistry, proxy: Faulty, doctor: Doctor) -> None:
        proxy.behaviour = behind(newest.host, instead("GET", "/v2/$", status(503)))
        found = doctor(proxy.host)
        assert found.broken_at == "http"
        assert "answers 503" in found.of("http").seen
        assert found.of("http").repair.startswith(f"curl -i http://{proxy.host}/v2/"), "no log of ours to show"
        proxy.behaviour = behind(newest.host)
        assert doctor(proxy.host).checkup.healthy


def test_releases_that_are_known_to_have_faults(release: str) -> None:
    program = programs.find_program(release)
    assert program
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = outdated(said, "registry:whatever")
    if release == "2.8":
        assert found
        assert found.seen == "the registry is release 2.8.2, which has known faults"
        assert "CVE-2026-33540" in found.means
        assert "no more fixes" in found.means
    else:
        assert found is None


def test_a_machine_without_ipv6(newest: RunningRegistry, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its resolver may know ::1 all the same, and then there is no socket for it (ipv6.disable=1)."""

    class Socket(socket.socket):
        def __init__(self, family: int = -1, *rest: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *rest)

    resolve, local = socket.getaddrinfo, ("::1", int(newest.host.partition(":")[2]), 0, 0)
    ours = (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", local)
    monkeypatch.setattr(socket, "socket", Socket)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: [ours, *resolve(*args, **more)])
    assert doctor(newest.host).states["host port"] == "sound"
