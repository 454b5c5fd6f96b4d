"""Manifests, tags and blobs that are deleted, and those that may not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import (
    DeleteDisabled,
    NotFound,
    ReadOnly,
    Unsupported,
)
from ducklake_registry.reference import Digest
from tests.registry.images import push_image

if TYPE_CHECKING:
    from ducklake_registry.registry import RegistryClient
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


def test_deleting_a_manifest_takes_its_tags_along(client: RegistryClient, repository: str) -> None:
    manifest = push_image(client, repository, "v1")
    client.put_manifest(repository, "also", manifest)

    client.delete_manifest(repository, manifest.digest)

    with pytest.raises(NotFound):
        client.manifest(repository, "also")
    with pytest.raises(NotFound):
        client.delete_manifest(repository, manifest.digest)


def test_deleting_a_tag_leaves_the_others(client: RegistryClient, repository: str, release: str) -> None:
    manifest = push_image(client, repository, "v1")
    client.put_manifest(repository, "also", manifest)

    if release == "2.8":
        with pytest.raises(Unsupported, match="cannot delete a tag alone"):
            client.delete_tag(repository, "v1")
        return
    client.delete_tag(repository, "v1")

    assert client.tags(repository) == ["also"]
    assert client.manifest(repository, "also") == manifest


def test_a_repository_whose_images_are_gone_has_no_tags(client: RegistryClient, repository: str) -> None:
    manifest = push_image(client, repository, "v1")
    client.delete_manifest(repository, manifest.digest)

    assert repository in list(client.catalog())
    assert client.tags(repository) == []


def test_deleting_a_blob(client: RegistryClient, repository: str) -> None:
    client.upload_blob(repository, b"content")

    client.delete_blob(repository, Digest.of(b"content"))

    with pytest.raises(NotFound):
        client.head_blob(repository, Digest.of(b"content"))


def test_a_refused_delete_tells_why(
    client: RegistryClient, repository: str, frozen: tuple[RunningRegistry, RunningRegistry]
) -> None:
    manifest = push_image(client, repository, "v1")
    readonly, undeletable = frozen

    with readonly.client() as asked, pytest.raises(ReadOnly) as caught:
        asked.delete_manifest(repository, manifest.digest)
    assert "maintenance.readonly" in (caught.value.hint or "")
    with readonly.client() as asked, pytest.raises(ReadOnly):
        asked.put_manifest(repository, "v2", manifest)
    with undeletable.client() as asked, pytest.raises(DeleteDisabled) as disabled:
        asked.delete_manifest(repository, manifest.digest)
    assert "storage.delete.enabled" in (disabled.value.hint or "")
    with undeletable.client() as asked, pytest.raises(DeleteDisabled):
        asked.delete_blob(repository, manifest.config.digest)
    assert client.manifest(repository, "v1") == manifest
