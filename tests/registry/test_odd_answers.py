"""What fuzzing has found (see docs/reliability.md): answers that once came out as a traceback, or as they were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import InvalidAnswer, RegistryError
from ducklake_registry.reference import Repository
from ducklake_registry.registry import RegistryClient, list_tags
from tests.registry.images import manifest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.registry.faults import Faulty, Request

DIGEST = f"sha256:{'0' * 64}"
# Digits to Python's str.isdigit, or more of them than int() takes.
NO_LENGTHS = ["\xb2", "9" * 6000, "-1"]


@pytest.fixture
def client(server: Faulty) -> Iterator[RegistryClient]:
    with RegistryClient(server.host, auth=None, timeout=2) as client:
        yield client


def test_headers_may_have_any_bytes(server: Faulty, client: RegistryClient) -> None:
    server.behaviour = lambda request: request.json({"tags": ["v1"]}, X_Odd="\xe9\xb2", Link="\x97")

    assert client.tags("app") == ["v1"]


@pytest.mark.parametrize("length", NO_LENGTHS)
def test_a_length_that_is_no_number_is_none(server: Faulty, client: RegistryClient, length: str) -> None:
    server.behaviour = lambda request: request.reply(200, Content_Length=length)

    with pytest.raises(InvalidAnswer, match="does not tell its size"):
        client.head_blob("app", DIGEST)


@pytest.mark.parametrize("length", NO_LENGTHS)
def test_neither_among_many_requests(server: Faulty, client: RegistryClient, length: str) -> None:
    def behave(request: Request) -> None:
        request.head(200, Content_Length=length)
        request.end()

    server.behaviour = behave

    [found] = list_tags(client, [Repository("app")])
    assert found.problem


def test_a_status_that_is_no_number(server: Faulty, client: RegistryClient) -> None:
    def behave(request: Request) -> None:
        request.send("HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n".encode("latin-1"))
        request.end()

    server.behaviour = behave

    with pytest.raises(RegistryError):
        list(list_tags(client, [Repository("app")]))


@pytest.mark.parametrize(
    "realm", ["http://[", "http://\u2100.example", "http://host:port/", "http://localhost\x01/"]
)
def test_a_token_server_whose_address_is_none(server: Faulty, client: RegistryClient, realm: str) -> None:
    challenge = f'Bearer realm="{realm}"'.encode().decode("latin-1")
    server.behaviour = lambda request: request.reply(401, WWW_Authenticate=challenge)

    with pytest.raises(RegistryError):
        client.tags("app")


@pytest.mark.parametrize(
    "answer",
    [
        b'{"token": "caf\xc3\xa9"}',
        b'{"token": "a\\r\\nX-Injected: b"}',
        b'{"token": "\\ud800"}',
    ],
)
def test_a_token_that_cannot_be_sent(server: Faulty, client: RegistryClient, answer: bytes) -> None:
    behave_with_token(server, answer)

    with pytest.raises(InvalidAnswer, match="no token in it that can be sent"):
        client.tags("app")


@pytest.mark.parametrize("seconds", [b"1e999", b"NaN", b"9" * 400, b"-1", b'"soon"', b"true"])
def test_a_token_that_lasts_for_no_time_that_there_is(
    server: Faulty, client: RegistryClient, seconds: bytes
) -> None:
    behave_with_token(server, b'{"token": "t", "expires_in": ' + seconds + b"}")

    assert client.tags("app") == ["v1"]


def behave_with_token(server: Faulty, answer: bytes) -> None:
    def behave(request: Request) -> None:
        if request.path.startswith("/token"):
            request.reply(200, answer)
        elif "authorization" in request.headers:
            request.json({"tags": ["v1"]})
        else:
            request.reply(401, WWW_Authenticate=f'Bearer realm="http://{server.host}/token"')

    server.behaviour = behave


@pytest.mark.parametrize("location", ["http:x", "http://[", "http://\x01/", "//\u2100/"])
def test_a_redirect_to_what_is_no_address(server: Faulty, client: RegistryClient, location: str) -> None:
    target = location.encode().decode("latin-1")
    server.behaviour = lambda request: request.reply(307, Location=target)

    with pytest.raises(RegistryError):
        client.tags("app")


def test_what_a_server_says_is_shown_and_not_obeyed(server: Faulty, client: RegistryClient) -> None:
    server.behaviour = lambda request: request.error(403, "DENIED", "\x1b]0;gotcha\x07 go\raway\nnow \u202egnp")

    with pytest.raises(RegistryError) as caught:
        client.tags("app")

    assert caught.value.message.isprintable()
    assert r"\x1b]0;gotcha\x07 go away now \u202egnp" in caught.value.message


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_nor_what_an_image_says(server: Faulty, form: str) -> None:
    labels = {"colour": "\x1b[31mred\x9b2J", "half": "\ud800", "turned": "\u202egnp"}
    config = json.dumps({"os": "linux", "architecture": "\x1b[2J", "config": {"Labels": labels}}).encode()
    manifest = manifest_of(config)
    answers = {"manifests": manifest.raw, "blobs": config, "referrers": b'{"manifests": []}'}
    server.behaviour = lambda request: request.reply(200, answers[request.path.split("/")[3]])
    words = [sys.executable, "-m", "ducklake_registry", "inspect", f"{server.host}/app:v1", "-o", form]
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}

    done = subprocess.run(words, env=environ, capture_output=True, encoding="utf-8", check=False, timeout=30)

    assert done.returncode == 0, done.stderr
    assert done.stdout.replace("\n", "").isprintable()
    assert "red" in done.stdout
