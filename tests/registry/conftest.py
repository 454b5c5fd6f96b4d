"""Registries for the tests of this folder, started once for each release and way to be configured."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.registry import certificates, programs
from tests.registry.command import Command
from tests.registry.faults import faulty_server
from tests.registry.token_server import TokenServer, token_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient
    from tests.registry.certificates import KeyPair
    from tests.registry.faults import Faulty
    from tests.registry.programs import RunningRegistry


@pytest.fixture(scope="session", params=["3.1", "2.8"])
def release(request: pytest.FixtureRequest) -> str:
    """Each release of distribution whose program is here; both must be in CI."""
    return _found(request.param)


def _found(release: str) -> str:
    if programs.find_program(release) is None:
        message = f"no program of the registry {release} here"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return release


@pytest.fixture(scope="session")
def olareg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """A registry that lists referrers itself."""
    folder = tmp_path_factory.mktemp(_found(programs.OLAREG))
    with programs.running_olareg(folder, "--api-delete", "--api-blob-delete") as registry:
        yield registry


@pytest.fixture(scope="module", params=[programs.OLAREG, "3.1", "2.8"])
def any_registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    """Registries that list referrers themselves, and those for which the client does."""
    release = _found(request.param)
    if release == programs.OLAREG:
        yield request.getfixturevalue("olareg")
        return
    with programs.running(release, tmp_path_factory.mktemp("any")) as registry:
        yield registry


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """The release that can do most, to be broken; what faults leave behind in it is of no interest."""
    if programs.find_program("3.1") is None:
        pytest.skip("no program of distribution 3.1 here")
    with programs.running("3.1", tmp_path_factory.mktemp("newest")) as registry:
        yield registry


@pytest.fixture
def server() -> Iterator[Faulty]:
    with faulty_server() as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Faulty]:
    with faulty_server() as server:
        yield server


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, release: str) -> Path:
    return tmp_path_factory.mktemp(f"registry-{release}")


@pytest.fixture(scope="session")
def plain(release: str, folder: Path) -> Iterator[RunningRegistry]:
    with programs.running(release, folder) as registry:
        yield registry


@pytest.fixture
def client(plain: RunningRegistry) -> Iterator[RegistryClient]:
    with plain.client() as client:
        yield client


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository that no other test uses."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())
    return f"tests/{'-'.join(filter(None, name.split('-')))}"


@pytest.fixture(scope="session")
def with_password(release: str, folder: Path) -> Iterator[RunningRegistry]:
    file = folder / "htpasswd"
    file.write_text(programs.HTPASSWD)
    auth = {"htpasswd": {"realm": 'the "realm", quoted', "path": str(file)}}
    with programs.running(release, folder, storage=folder / "password", auth=auth) as registry:
        yield registry


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return certificates.authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def tokens(authority: KeyPair) -> Iterator[TokenServer]:
    with token_server(authority) as server:
        yield server


@pytest.fixture
def asked(tokens: TokenServer) -> Iterator[TokenServer]:
    """The token server, with what earlier tests asked of it forgotten."""
    tokens.requests.clear()
    yield tokens
    tokens.seconds, tokens.stated, tokens.anonymous_actions = 300, None, frozenset()


@pytest.fixture(scope="session")
def with_tokens(release: str, folder: Path, tokens: TokenServer) -> Iterator[RunningRegistry]:
    auth = tokens.registry_auth()
    with programs.running(release, folder, storage=folder / "tokens", auth=auth) as registry:
        yield registry


@pytest.fixture(scope="session")
def with_tls(release: str, folder: Path, authority: KeyPair) -> Iterator[RunningRegistry]:
    pair = certificates.signed(folder, authority, "server", "DNS:localhost,IP:127.0.0.1")
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    with programs.running(
        release, folder, storage=folder / "tls", tls=tls, ca_file=authority.certificate
    ) as registry:
        yield registry


@pytest.fixture(scope="session")
def frozen(
    release: str, folder: Path, plain: RunningRegistry
) -> Iterator[tuple[RunningRegistry, RunningRegistry]]:
    """The plain registry's storage behind two others: one read-only, one with delete disabled."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(programs.running(release, folder, storage=plain.storage, readonly=True)),
            stack.enter_context(programs.running(release, folder, storage=plain.storage, delete=False)),
        )


@pytest.fixture
def dlr(plain: RunningRegistry, tmp_path: Path) -> Command:
    return Command(
        plain.host,
        {
            "HOME": str(tmp_path),
            "DOCKER_CONFIG": str(tmp_path / "docker"),
            "DLR_CACHE_DIR": str(tmp_path / "cache"),
            "KUBECONFIG": str(tmp_path / "kubeconfig"),
            "COLUMNS": "80",
        },
    )


@pytest.fixture
def empty(release: str, tmp_path: Path) -> Iterator[RunningRegistry]:
    with programs.running(release, tmp_path) as registry:
        yield registry
