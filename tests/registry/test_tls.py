"""Whose certificates are trusted, and when there is no TLS at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import InvalidAnswer, RegistryUnreachable, UnknownHost, UsageError
from ducklake_registry.registry import Endpoint, RegistryClient, tls_context
from tests.acceptance.proxy import behind
from tests.registry import certificates, programs
from tests.registry.faults import faulty_server
from tests.registry.images import push_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.proxy import Reply
    from tests.registry.certificates import KeyPair
    from tests.registry.faults import Faulty, Request
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


class TestBehindAProxy:
    """One that ends TLS and does not tell the registry so, which then calls itself http://."""

    @pytest.fixture
    def proxy(self, tmp_path: Path, authority: KeyPair) -> Iterator[Faulty]:
        pair = certificates.signed(tmp_path, authority, "proxy", "DNS:localhost")
        with faulty_server(pair) as server:
            yield server

    @pytest.fixture
    def client(self, proxy: Faulty, authority: KeyPair) -> Iterator[RegistryClient]:
        trust = tls_context(ca_file=authority.certificate)
        with RegistryClient(f"https://{proxy.host}", auth=None, verify=trust, timeout=5) as client:
            yield client

    @pytest.mark.registry
    def test_an_upload_goes_on_over_tls(
        self, proxy: Faulty, client: RegistryClient, plain: RunningRegistry, repository: str
    ) -> None:
        told: list[str] = []

        def noting(_: Request, go_on: Callable[[], Reply]) -> Reply:
            told.append((reply := go_on()).headers.get("location", ""))
            return reply

        proxy.behaviour = behind(plain.host, noting)

        manifest = push_image(client, repository, "v1")
        client.upload_blob(repository, b"x" * 3_000_000, chunk=1_000_000)

        assert client.manifest(repository, "v1") == manifest
        assert any(location.startswith(f"http://{proxy.host}/") for location in told)

    def test_an_upload_does_not_go_elsewhere_in_the_clear(self, proxy: Faulty, client: RegistryClient) -> None:
        with faulty_server() as elsewhere:
            proxy.behaviour = lambda request: (
                request.reply(404)
                if request.method == "HEAD"
                else request.reply(202, Location=f"http://{elsewhere.host}/up")
            )

            with pytest.raises(InvalidAnswer, match=r"over HTTPS, but goes on at http://localhost"):
                client.upload_blob("app", b"content")
            assert elsewhere.requests == []

    def test_neither_does_a_redirect(self, proxy: Faulty, client: RegistryClient) -> None:
        with faulty_server() as elsewhere:
            proxy.behaviour = lambda request: request.reply(307, Location=f"http://{elsewhere.host}/")

            with pytest.raises(InvalidAnswer, match="from HTTPS to http"):
                client.tags("app")
            assert elsewhere.requests == []

    def test_a_list_goes_on_over_tls(self, proxy: Faulty, client: RegistryClient) -> None:
        proxy.one_after_another(
            lambda request: request.json(
                {"tags": ["a"]}, Link=f'<http://{proxy.host}/v2/app/tags/list?last=a>; rel="next"'
            ),
            lambda request: request.json({"tags": ["b"]}),
        )

        assert client.tags("app") == ["a", "b"]


@pytest.mark.parametrize(
    ("registry", "location", "url"),
    [
        ("https://r.test", "http://r.test/up", "https://r.test/up"),
        ("https://r.test", "http://r.test:443/up", "https://r.test/up"),
        ("https://r.test:5443", "http://r.test:5443/up", "https://r.test:5443/up"),
        ("https://r.test", "https://store.test/up", "https://store.test/up"),
        ("https://r.test", "/up?state=x", "https://r.test/up?state=x"),
        ("http://r.test", "http://store.test/up", "http://store.test/up"),
        ("https://r.test", "http://r.test:5000/up", None),
        ("https://r.test:5443", "http://r.test/up", None),
        ("https://r.test", "http://store.test/up", None),
        ("https://r.test", "ftp://r.test/up", None),
    ],
)
def test_where_an_upload_may_go_on(registry: str, location: str, url: str | None) -> None:
    with RegistryClient(registry, auth=None) as client:
        session = client._session
        if url is None:
            with pytest.raises(InvalidAnswer):
                session.onward(location, f"{session.endpoint.url}/v2/")
        else:
            assert session.onward(location, f"{session.endpoint.url}/v2/") == url


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
