"""Registries that misbehave, and a client of them that is in a hurry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.reference import Digest
from ducklake_registry.registry import Credentials, RegistryClient, Retry
from tests.registry.faults import Faulty, faulty_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ducklake_registry.oci import Descriptor

QUICK = Retry(first_pause=0.01, longest_pause=0.05)
CONTENT = bytes(range(256)) * 12_000
DIGEST = Digest.of(CONTENT)
SECRET = "do not tell"


@pytest.fixture
def elsewhere() -> Iterator[Faulty]:
    with faulty_server() as faulty:
        yield faulty


@pytest.fixture
def client(server: Faulty) -> Iterator[RegistryClient]:
    with RegistryClient(server.host, auth=Credentials("dev", SECRET), timeout=5, retry=QUICK) as client:
        yield client


def download(client: RegistryClient, blob: Descriptor | str = DIGEST) -> bytes:
    with client.blob("app", blob) as reader:
        return b"".join(map(bytes, reader))
