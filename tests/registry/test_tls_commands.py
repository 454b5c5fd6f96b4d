"""`--ca-file`, `--cert`, `--key` and `--insecure`, as they are typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.registry import tls_context
from tests.registry import certificates, programs
from tests.registry.command import Command
from tests.registry.images import push_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registry.certificates import KeyPair
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory, authority: KeyPair) -> KeyPair:
    """A client's certificate that registries accept."""
    return certificates.signed(tmp_path_factory.mktemp("mine"), authority, "me", "DNS:me")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    """One of an authority that no registry has heard of."""
    folder = tmp_path_factory.mktemp("strangers")
    return certificates.signed(folder, certificates.authority(folder, "other"), "stranger", "DNS:stranger")


@pytest.fixture(scope="module")
def mutual(release: str, folder: Path, authority: KeyPair) -> Iterator[RunningRegistry]:
    """A registry that wants to see a client's certificate."""
    pair = certificates.signed(folder, authority, "both-sides", "DNS:localhost,IP:127.0.0.1")
    tls = {
        "certificate": str(pair.certificate),
        "key": str(pair.key),
        "clientcas": [str(authority.certificate)],
    }
    storage, ca_file = folder / "both-sides", authority.certificate
    with programs.running(release, folder, storage=storage, tls=tls, ca_file=ca_file) as registry:
        yield registry


@pytest.fixture
def dlr(mutual: RunningRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(mutual.url, {"HOME": str(tmp_path), "DLR_CACHE_DIR": str(tmp_path / "cache"), "COLUMNS": "200"})


def pushed(registry: RunningRegistry, repository: str, mine: KeyPair) -> str:
    """Put an image there and return its digest."""
    trust = tls_context(ca_file=registry.ca_file, certificate=mine.certificate, key=mine.key)
    with registry.client(verify=trust) as client:
        return push_image(client, repository, "v1").digest


def options(authority: KeyPair, mine: KeyPair) -> tuple[str, ...]:
    return (
        *("--ca-file", str(authority.certificate)),
        *("--cert", str(mine.certificate)),
        *("--key", str(mine.key)),
    )


def test_every_command_shows_the_certificate(
    dlr: Command, mutual: RunningRegistry, authority: KeyPair, mine: KeyPair, repository: str
) -> None:
    digest, shown = pushed(mutual, repository, mine), options(authority, mine)

    assert [each["digest"] for each in dlr.listed(repository, *shown)] == [digest]
    assert json.loads(dlr("inspect", f"{repository}:v1", *shown, "-o", "json").stdout)["digest"] == digest
    assert dlr("save", f"{repository}:v1", "image.tar", *shown).stdout == f"{digest}\n"
    assert dlr("load", "image.tar", f"{repository}/copy:v1", *shown).stdout == f"{digest}\n"
    named = f"{mutual.host}/{repository}/copy:v1"
    dlr("delete-image", named, "--yes", *shown)
    assert "not found" in dlr("inspect", named, *shown, code=1).stderr


def test_the_key_may_be_in_the_same_file(
    dlr: Command, mutual: RunningRegistry, authority: KeyPair, mine: KeyPair, repository: str, tmp_path: Path
) -> None:
    digest = pushed(mutual, repository, mine)
    (tmp_path / "both.pem").write_bytes(mine.certificate.read_bytes() + mine.key.read_bytes())

    [found] = dlr.listed(repository, "--ca-file", str(authority.certificate), "--cert", "both.pem")

    assert found["digest"] == digest


def test_insecure_shows_it_to_whom_nobody_vouches_for(
    dlr: Command, mutual: RunningRegistry, authority: KeyPair, mine: KeyPair, repository: str
) -> None:
    digest = pushed(mutual, repository, mine)
    _, _, *shown = options(authority, mine)

    for command in (["list-registry-images", repository], ["save", f"{repository}:v1", "image"]):
        done = dlr(*command, *shown, code=4)
        assert f"the certificate of {mutual.host} is not trusted" in done.stderr
        assert "--ca-file FILE; or, for a test, --insecure" in done.stderr
        dlr(*command, *shown, "--insecure")
    assert digest in dlr("inspect", f"{repository}:v1", *shown, "--insecure").stdout


@pytest.mark.parametrize("command", ["list-registry-images", "inspect", "save", "load"])
def test_a_registry_that_wants_one_is_told_apart(
    dlr: Command, mutual: RunningRegistry, authority: KeyPair, mine: KeyPair, repository: str, command: str
) -> None:
    pushed(mutual, repository, mine)
    dlr("save", f"{repository}:v1", "image.tar", *options(authority, mine))
    words = {
        "list-registry-images": [repository],
        "inspect": [f"{repository}:v1"],
        "save": [f"{repository}:v1", "another.tar"],
        "load": ["image.tar", f"{repository}:v2"],
    }[command]

    done = dlr(command, *words, "--ca-file", str(authority.certificate), code=4)

    assert f"error: {mutual.host} wants a client certificate" in done.stderr
    assert "--cert FILE --key FILE" in done.stderr
    assert "tried" not in done.stderr, "it will not change its mind"


def test_one_of_an_unknown_authority_is_refused(
    dlr: Command, mutual: RunningRegistry, authority: KeyPair, strangers: KeyPair, repository: str
) -> None:
    done = dlr("inspect", f"{repository}:v1", *options(authority, strangers), code=4)

    assert f"error: {mutual.host} wants a client certificate, or another one" in done.stderr
    assert "knows the authority of: --cert FILE" in done.stderr


def test_one_that_nobody_asks_for_does_no_harm(
    dlr: Command, with_tls: RunningRegistry, authority: KeyPair, mine: KeyPair, repository: str
) -> None:
    digest = pushed(with_tls, repository, mine)

    for words in (options(authority, mine), ("--insecure",)):
        found = dlr("inspect", f"{repository}:v1", *words, "-o", "json", registry=with_tls.url)
        assert json.loads(found.stdout)["digest"] == digest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--cert", "{mine.certificate}", "--key", "{strangers.key}"],
            "the key in {strangers.key} is not that of the certificate in {mine.certificate}",
        ),
        (["--cert", "none.pem", "--key", "{mine.key}"], "cannot use none.pem: No such file"),
        (["--cert", "{mine.certificate}", "--key", "none.key"], "cannot use none.key: No such file"),
        (["--cert", "{mine.certificate}"], "cannot use {mine.certificate}"),
        (["--cert", "{mine.certificate}", "--key", "text"], "cannot use text"),
        (["--cert", "text", "--key", "{mine.key}"], "cannot use text"),
        (["--cert", "{mine.certificate}", "--key", "locked.key"], "locked.key is encrypted"),
        (["--key", "{mine.key}"], "--key without --cert"),
        (["--ca-file", "none.pem"], "cannot use none.pem: No such file"),
        (["--ca-file", "text"], "cannot use text"),
    ],
)
@pytest.mark.parametrize("command", [["list-registry-images"], ["save", "app:v1", "image"]], ids=lambda c: c[0])
def test_files_that_cannot_be_used_are_told(
    dlr: Command,
    mine: KeyPair,
    strangers: KeyPair,
    tmp_path: Path,
    command: list[str],
    words: list[str],
    said: str,
) -> None:
    (tmp_path / "text").write_text("no PEM at all")
    certificates.openssl("ec", "-aes128", "-passout", "pass:x", "-in", mine.key, "-out", tmp_path / "locked.key")

    def filled(text: str) -> str:
        return text.format(mine=mine, strangers=strangers)

    done = dlr(*command, *map(filled, words), code=2)

    assert f"error: {filled(said)}" in done.stderr
    assert "hint: " in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "image").exists()
