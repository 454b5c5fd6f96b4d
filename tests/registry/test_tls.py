"""Whose certificates are trusted, and when there is no TLS at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import RegistryUnreachable, UnknownHost, UsageError
from ducklake_registry.registry import Endpoint, RegistryClient, tls_context
from tests.registry import certificates, programs
from tests.registry.images import push_image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.certificates import KeyPair
    from tests.registry.programs import RunningRegistry


@pytest.mark.registry
class TestCertificates:
    def test_signed_by_the_given_authority_is_trusted(self, with_tls: RunningRegistry, repository: str) -> None:
        with with_tls.client(verify=tls_context(ca_file=with_tls.ca_file)) as client:
            manifest = push_image(client, repository, "v1")
            assert client.manifest(repository, "v1") == manifest

    def test_signed_by_nobody_we_know_is_refused(self, with_tls: RunningRegistry) -> None:
        with with_tls.client() as client, pytest.raises(RegistryUnreachable, match="is not trusted") as caught:
            client.ping()
        assert "--ca-file" in (caught.value.hint or "")

    def test_is_not_asked_for_when_told_so(self, with_tls: RunningRegistry) -> None:
        with with_tls.client(verify=False) as client:
            assert client.ping().api_version == "registry/2.0"

    def test_of_the_client_is_shown(self, release: str, folder: Path, authority: KeyPair) -> None:
        server = certificates.signed(folder, authority, "mutual", "DNS:localhost,IP:127.0.0.1")
        mine = certificates.signed(folder, authority, "client", "DNS:client")
        tls = {
            "certificate": str(server.certificate),
            "key": str(server.key),
            "clientcas": [str(authority.certificate)],
        }
        with programs.running(release, folder, tls=tls, ca_file=authority.certificate) as registry:
            trust = tls_context(ca_file=authority.certificate, certificate=mine.certificate, key=mine.key)
            with registry.client(verify=trust) as client:
                assert client.ping().authorized is True
            nameless = tls_context(ca_file=authority.certificate)
            with registry.client(verify=nameless) as client, pytest.raises(RegistryUnreachable):
                client.ping()


@pytest.mark.registry
class TestMixedUp:
    def test_https_to_plain_http_is_no_silent_fallback(self, plain: RunningRegistry) -> None:
        with (
            RegistryClient(f"https://{plain.host}") as client,
            pytest.raises(RegistryUnreachable, match="does not speak TLS") as caught,
        ):
            client.ping()
        assert f"http://{plain.host}" in (caught.value.hint or "")

    def test_plain_http_to_https_is_told(self, with_tls: RunningRegistry) -> None:
        with (
            RegistryClient(f"http://{with_tls.host}") as client,
            pytest.raises(RegistryUnreachable, match="speaks HTTPS") as caught,
        ):
            client.ping()
        assert f"https://{with_tls.host}" in (caught.value.hint or "")


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")

    with pytest.raises(UsageError, match=r"missing\.pem"):
        tls_context(ca_file=tmp_path / "missing.pem")
    with pytest.raises(UsageError, match=r"empty\.pem"):
        tls_context(certificate=tmp_path / "empty.pem")


def test_nobody_there_is_told_with_the_number_of_tries() -> None:
    address = f"localhost:{programs.free_port()}"

    with RegistryClient(address) as client, pytest.raises(RegistryUnreachable, match=r"refused.*tried 5 times"):
        client.ping()


def test_an_unknown_host_is_a_usage_error() -> None:
    with RegistryClient("nowhere.invalid", timeout=5) as client, pytest.raises(RegistryUnreachable) as caught:
        client.ping()

    # Where there is no name server at all, nobody can know that the name is wrong.
    assert caught.value.exit_code == (2 if isinstance(caught.value, UnknownHost) else 4)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("127.8.9.10", "http://127.8.9.10:80"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("registry.localhost:5000", "http://registry.localhost:5000"),
        ("Registry.Example.COM", "https://registry.example.com:443"),
        ("registry.example.com:5000", "https://registry.example.com:5000"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000"),
        ("http://registry.example.com:5000", "http://registry.example.com:5000"),
        ("https://localhost:5000/", "https://localhost:5000"),
        ("notlocalhost", "https://notlocalhost:443"),
        ("localhost.example.com", "https://localhost.example.com:443"),
        ("docker.io", "https://registry-1.docker.io:443"),
    ],
)
def test_plain_http_is_for_this_machine_only(text: str, url: str) -> None:
    assert Endpoint.of(text).url == url


def test_plain_http_when_asked_for() -> None:
    assert Endpoint.of("10.0.0.1:5000", plain_http=True).url == "http://10.0.0.1:5000"


@pytest.mark.parametrize(
    "text", ["", "ftp://host", "host:port", "host:0", "host:70000", "ho st", "u:p@host", "a/b"]
)
def test_what_is_no_registry_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Endpoint.of(text)


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        Endpoint.of("https://user:secret@host")

    assert "secret" not in str(caught.value)
