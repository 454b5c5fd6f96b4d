"""Who is let in, and where credentials come from, against real registries and a real token server."""

from __future__ import annotations

import base64
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import RegistryError, Unauthorized, UsageError
from ducklake_registry.registry import Credentials, RegistryClient, docker_credentials
from tests.registry.images import push_image
from tests.registry.programs import PASSWORD, USER
from tests.registry.token_server import IDENTITY_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.programs import RunningRegistry
    from tests.registry.token_server import TokenServer

pytestmark = pytest.mark.registry

DEV = Credentials(USER, PASSWORD)


class TestPassword:
    def test_is_sent_when_the_registry_asks(self, with_password: RunningRegistry, repository: str) -> None:
        with with_password.client(auth=DEV) as client:
            manifest = push_image(client, repository, "v1")

            assert client.manifest(repository, "v1") == manifest
            ping = client.ping()
        assert (ping.authentication, ping.authorized) == ("basic", True)

    def test_is_looked_up_only_when_it_is_needed(
        self, plain: RunningRegistry, with_password: RunningRegistry
    ) -> None:
        asked: list[str] = []

        def find(registry: str) -> Credentials:
            asked.append(registry)
            return DEV

        with plain.client(auth=find) as client:
            client.ping()
        assert asked == []
        with with_password.client(auth=find) as client:
            assert [client.ping().authorized for _ in range(3)] == [True] * 3
        assert asked == [with_password.host]

    @pytest.mark.parametrize("auth", [None, Credentials(USER, "wrong")], ids=["none", "wrong"])
    def test_that_is_missing_or_wrong_is_told(
        self, with_password: RunningRegistry, auth: Credentials | None
    ) -> None:
        with with_password.client(auth=auth) as client:
            assert client.ping().authorized is False
            with pytest.raises(Unauthorized) as caught:
                client.tags("team/app")
        assert f"docker login {with_password.host}" in (caught.value.hint or "")
        assert "wrong" not in str(caught.value) + str(caught.value.hint)


class TestToken:
    def test_is_got_once_for_each_scope(
        self, with_tokens: RunningRegistry, asked: TokenServer, repository: str
    ) -> None:
        with with_tokens.client(auth=DEV) as client:
            manifest = push_image(client, repository, "v1")
            for _ in range(3):
                assert client.manifest(repository, "v1") == manifest
                assert client.tags(repository) == ["v1"]

        assert asked.requests == [
            (USER, (f"repository:{repository}:pull,push",)),
            (USER, (f"repository:{repository}:pull",)),
        ]

    def test_is_got_once_by_many_threads(
        self, with_tokens: RunningRegistry, asked: TokenServer, repository: str
    ) -> None:
        with with_tokens.client(auth=DEV) as client:
            push_image(client, repository, "v1")
            asked.requests.clear()
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda _: client.tags(repository), range(40)))

        assert asked.requests == [(USER, (f"repository:{repository}:pull",))]

    def test_reads_the_catalog_and_deletes(self, with_tokens: RunningRegistry, repository: str) -> None:
        with with_tokens.client(auth=DEV) as client:
            manifest = push_image(client, repository, "v1")

            assert repository in list(client.catalog())
            client.delete_manifest(repository, manifest.digest)
            assert client.tags(repository) == []

    def test_mounts_from_another_repository(self, with_tokens: RunningRegistry, repository: str) -> None:
        with with_tokens.client(auth=DEV) as client:
            manifest = push_image(client, f"{repository}/source", "v1")

            client.mount_blob(f"{repository}/target", manifest.config.digest, f"{repository}/source")

    def test_that_was_revoked_is_renewed(self, with_tokens: RunningRegistry, repository: str) -> None:
        with with_tokens.client(auth=DEV) as client:
            push_image(client, repository, "v1")
            client.tags(repository)
            authorizer = client._session.authorizer
            for key, token in list(authorizer._tokens.items()):
                authorizer._tokens[key] = type(token)("Bearer not-valid-any-more", token.expires)

            assert client.tags(repository) == ["v1"]

    def test_without_credentials_is_for_what_is_public(
        self, with_tokens: RunningRegistry, asked: TokenServer, repository: str
    ) -> None:
        with with_tokens.client(auth=DEV) as client:
            push_image(client, repository, "v1")
        asked.anonymous_actions = frozenset({"pull"})

        with with_tokens.client(auth=None) as client:
            assert client.tags(repository) == ["v1"]
            with pytest.raises(Unauthorized):
                client.upload_blob(repository, b"not for the public")

    def test_is_had_for_an_identity_token(
        self, with_tokens: RunningRegistry, asked: TokenServer, repository: str
    ) -> None:
        with with_tokens.client(auth=Credentials(identity_token=IDENTITY_TOKEN)) as client:
            push_image(client, repository, "v1")
            assert client.tags(repository) == ["v1"]

        assert {user for user, _ in asked.requests} == {USER}

    @pytest.mark.parametrize("auth", [None, DEV], ids=["nobody", "somebody"])
    def test_is_not_got_for_a_stranger(
        self, with_tokens: RunningRegistry, asked: TokenServer, auth: Credentials | None
    ) -> None:
        """Not for nothing either: what a registry says to those who bring nothing is its challenge."""
        with with_tokens.client(auth=auth) as client:
            client.ping()
            before = len(asked.requests)
            answer = client.ask_as_stranger()
            assert client.ping().authorized
        assert (answer.status, len(asked.requests)) == (401, before)
        assert answer.header("www-authenticate").startswith("Bearer ")

    def test_is_refused_to_a_wrong_password(self, with_tokens: RunningRegistry, repository: str) -> None:
        with with_tokens.client(auth=Credentials(USER, "wrong horse")) as client:
            with pytest.raises(Unauthorized, match="gives no token") as caught:
                client.tags(repository)
            assert client.ping().authorized is False
        assert "wrong horse" not in str(caught.value) + str(caught.value.hint)


class TestDockersFiles:
    def write(self, folder: Path, config: object) -> dict[str, str]:
        (folder / "config.json").write_text(json.dumps(config))
        return {"DOCKER_CONFIG": str(folder)}

    def helper(self, folder: Path, name: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
        program = folder / f"docker-credential-{name}"
        program.write_text(f"#!{sys.executable}\nimport sys\nregistry = sys.stdin.read().strip()\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")

    def auth(self, user: str, password: str) -> dict[str, str]:
        return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}

    @pytest.mark.parametrize("key", ["registry.test:5000", "https://registry.test:5000/v2/"])
    def test_an_entry_in_auths(self, tmp_path: Path, key: str) -> None:
        environ = self.write(tmp_path, {"auths": {key: self.auth("a", "b:c")}})

        assert docker_credentials("registry.test:5000", environ) == Credentials("a", "b:c")
        assert docker_credentials("registry.test", environ) is None

    def test_docker_hub_by_its_old_name(self, tmp_path: Path) -> None:
        environ = self.write(tmp_path, {"auths": {"https://index.docker.io/v1/": self.auth("a", "b")}})

        assert docker_credentials("docker.io", environ) == Credentials("a", "b")

    def test_the_environment_comes_first(self, tmp_path: Path) -> None:
        environ = self.write(
            tmp_path, {"auths": {"r.test": self.auth("file", "x"), "s.test": self.auth("s", "x")}}
        )
        environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {"r.test": self.auth("environment", "x")}})

        assert docker_credentials("r.test", environ) == Credentials("environment", "x")
        assert docker_credentials("s.test", environ) == Credentials("s", "x")

    def test_helpers_come_before_the_store_and_that_before_auths(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = 'print(\'{"Username": "%s", "Secret": "of \' + registry + \'"}\')'
        self.helper(tmp_path, "one", answer % "one", monkeypatch)
        self.helper(tmp_path, "store", answer % "<token>", monkeypatch)
        environ = self.write(
            tmp_path,
            {"auths": {"r.test": self.auth("a", "b")}, "credHelpers": {"r.test": "one"}, "credsStore": "store"},
        )

        assert docker_credentials("r.test", environ) == Credentials("one", "of r.test")
        assert docker_credentials("other.test", environ) == Credentials(identity_token="of other.test")

    def test_a_helper_without_an_entry_is_no_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        body = "print('credentials not found in native keychain'); sys.exit(1)"
        self.helper(tmp_path, "empty", body, monkeypatch)

        assert docker_credentials("r.test", self.write(tmp_path, {"credsStore": "empty"})) is None

    def test_a_helper_that_fails_hangs_or_is_missing_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.helper(tmp_path, "broken", "print('the keychain is locked'); sys.exit(1)", monkeypatch)
        self.helper(tmp_path, "slow", "import time; time.sleep(30)", monkeypatch)
        monkeypatch.setattr("ducklake_registry.registry.credentials._HELPER_SECONDS", 0.5)

        with pytest.raises(RegistryError, match="the keychain is locked"):
            docker_credentials("r.test", self.write(tmp_path, {"credsStore": "broken"}))
        with pytest.raises(RegistryError, match="did not answer"):
            docker_credentials("r.test", self.write(tmp_path, {"credsStore": "slow"}))
        with pytest.raises(UsageError, match="docker-credential-nowhere is not installed"):
            docker_credentials("r.test", self.write(tmp_path, {"credsStore": "nowhere"}))
        with pytest.raises(UsageError, match="no name of a credential helper"):
            docker_credentials("r.test", self.write(tmp_path, {"credsStore": "../../evil"}))

    def test_what_cannot_be_read_is_told_without_its_secrets(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError) as caught:
            docker_credentials("r.test", {"DOCKER_AUTH_CONFIG": '{"auths": secret'})
        assert "secret" not in str(caught.value)
        with pytest.raises(UsageError, match="cannot be read") as caught:
            docker_credentials("r.test", self.write(tmp_path, {"auths": {"r.test": {"auth": "%secret%"}}}))
        assert "%secret%" not in str(caught.value)

    def test_they_let_a_client_in(
        self, tmp_path: Path, with_password: RunningRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environ = self.write(tmp_path, {"auths": {with_password.host: self.auth(USER, PASSWORD)}})
        monkeypatch.setenv("DOCKER_CONFIG", environ["DOCKER_CONFIG"])
        monkeypatch.delenv("DOCKER_AUTH_CONFIG", raising=False)

        with RegistryClient(with_password.host) as client:
            assert client.ping().authorized is True


def test_no_secret_is_in_a_repr() -> None:
    text = repr(Credentials("user", "password!", identity_token="identity!", registry_token="registry!"))

    assert "user" in text
    assert "!" not in text
