"""The error codes of registries, in words and with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import (
    NotFound,
    RegistryError,
)

if TYPE_CHECKING:
    from ducklake_registry.registry import RegistryClient
    from tests.registry.faults import Faulty


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (404, "BLOB_UNKNOWN", "push it again"),
        (400, "BLOB_UPLOAD_INVALID", "try again"),
        (404, "BLOB_UPLOAD_UNKNOWN", "try again"),
        (400, "DIGEST_INVALID", "try again"),
        (404, "MANIFEST_BLOB_UNKNOWN", "push the image's blobs before"),
        (400, "MANIFEST_INVALID", "build the image anew"),
        (404, "MANIFEST_UNKNOWN", "dlr list-registry-images"),
        (400, "NAME_INVALID", "lowercase"),
        (404, "NAME_UNKNOWN", "dlr list-registry-images"),
        (400, "SIZE_INVALID", "try again"),
        (401, "UNAUTHORIZED", "docker login"),
        (400, "UNAUTHORIZED", "docker login"),
        (403, "DENIED", "docker login"),
        (400, "DENIED", "docker login"),
        (405, "UNSUPPORTED", "dlr test-registry"),
        (400, "UNSUPPORTED", "dlr test-registry"),
        (429, "TOOMANYREQUESTS", "try later"),
        # And distribution's own.
        (400, "MANIFEST_UNVERIFIED", "push the image anew"),
        (400, "PAGINATION_NUMBER_INVALID", "catalog.maxentries"),
        (416, "RANGE_INVALID", "try again"),
        (400, "TAG_INVALID", "another one than in the request"),
        (503, "UNAVAILABLE", "dlr registry-status"),
        (500, "UNKNOWN", "dlr logs"),
    ],
)
def test_every_code_has_a_hint(
    server: Faulty, client: RegistryClient, status: int, code: str, advice: str
) -> None:
    server.behaviour = lambda request: request.error(status, code, Allow="GET")

    with pytest.raises(RegistryError) as caught:
        client.manifest("app", "v1")

    assert f"told to ({code})" in caught.value.message
    assert advice in (caught.value.hint or "")


def test_codes_become_words_with_what_to_do(server: Faulty, client: RegistryClient) -> None:
    server.behaviour = lambda request: request.error(404, "MANIFEST_UNKNOWN", "manifest unknown")

    with pytest.raises(NotFound, match=r"app:v1: manifest unknown \(MANIFEST_UNKNOWN\)") as caught:
        client.manifest("app", "v1")
    assert "dlr list-registry-images" in (caught.value.hint or "")
