"""Every verb, against the real registries."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import (
    DigestMismatch,
    NotFound,
    RegistryError,
    UsageError,
)
from ducklake_registry.oci import Descriptor, ImageConfig, Index, Manifest, Platform
from ducklake_registry.reference import Digest
from ducklake_registry.registry import FilePart, Uploaded
from tests.registry import programs
from tests.registry.images import DOCKER, OCI, Types, manifest_of, push_image, push_index

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


def test_ping_tells_what_answers(client: RegistryClient) -> None:
    ping = client.ping()

    assert ping.api_version == "registry/2.0"
    assert 0 < ping.seconds < 5
    assert (ping.authentication, ping.authorized) == ("", True)


@pytest.mark.parametrize("types", [OCI, DOCKER], ids=["OCI", "Docker"])
def test_an_image_comes_back_byte_for_byte(client: RegistryClient, repository: str, types: Types) -> None:
    pushed = push_image(client, repository, "v1", types=types)

    by_tag, by_digest = client.manifest(repository, "v1"), client.manifest(repository, pushed.digest)

    assert by_tag == by_digest == pushed
    assert (by_tag.raw, by_tag.media_type) == (pushed.raw, types.manifest)
    assert client.head_manifest(repository, "v1") == Descriptor(pushed.media_type, pushed.digest, len(pushed.raw))
    config = ImageConfig.parse(client.small_blob(repository, pushed.config))
    assert (config.platform, config.created) == (Platform("linux", "amd64"), "2024-05-06T07:08:09Z")


@pytest.mark.parametrize("types", [OCI, DOCKER], ids=["OCI", "Docker"])
def test_an_index_comes_back_with_its_platforms(client: RegistryClient, repository: str, types: Types) -> None:
    pushed, manifests = push_index(client, repository, "multi", types)

    index = client.manifest(repository, "multi")

    assert isinstance(index, Index)
    assert index == pushed
    assert (index.raw, index.media_type) == (pushed.raw, types.index)
    assert [str(entry.platform) for entry in index.manifests] == ["linux/amd64", "linux/arm64/v8"]
    assert [client.manifest(repository, entry.digest) for entry in index.manifests] == manifests


def test_lists_of_repositories_and_tags(client: RegistryClient, repository: str) -> None:
    for tag in ("v1", "v2", "v10"):
        push_image(client, repository, tag)

    assert repository in list(client.catalog())
    assert sorted(client.tags(repository)) == ["v1", "v10", "v2"]


def test_a_catalog_of_several_pages_is_read_whole(
    client: RegistryClient, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ducklake_registry.registry.calls._CATALOG_PAGE", 2)
    expected = {f"{repository}/{number}" for number in range(5)}
    for name in expected:
        client.upload_blob(name, b"so that it exists")
        push_image(client, name, "v1")

    found = list(client.catalog())

    assert expected <= set(found)
    assert len(found) == len(set(found))


def test_a_catalog_whose_pages_may_not_be_large(
    client: RegistryClient, repository: str, plain: RunningRegistry, folder: Path
) -> None:
    for number in range(5):
        push_image(client, f"{repository}/{number}", "v1")

    limited = programs.running(plain.release, folder, storage=plain.storage, catalog={"maxentries": 3})
    with limited as registry, registry.client() as asked:
        assert sorted(asked.catalog()) == sorted(client.catalog())


def test_many_threads_share_a_client(client: RegistryClient, repository: str) -> None:
    pushed = push_image(client, repository, "v1")

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: client.manifest(repository, "v1").digest, range(200)))

    assert digests == {pushed.digest}


def test_what_is_not_there_is_named(client: RegistryClient, repository: str) -> None:
    with pytest.raises(NotFound, match=f"not found: {client.endpoint.name}/{repository}:v1"):
        client.manifest(repository, "v1")
    with pytest.raises(NotFound, match=repository):
        client.tags(repository)
    with pytest.raises(NotFound):
        client.head_blob(repository, Digest.of(b"no such blob"))
    with pytest.raises(NotFound), client.blob(repository, Digest.of(b"no such blob")) as blob:
        list(blob)


def test_a_blob_is_sent_once_and_then_found(client: RegistryClient, repository: str) -> None:
    digest = Digest.of(b"content")

    assert client.upload_blob(repository, b"content") is Uploaded.SENT
    assert client.upload_blob(repository, b"content") is Uploaded.FOUND
    assert client.head_blob(repository, digest).size == len(b"content")
    assert client.small_blob(repository, digest) == b"content"


@pytest.mark.parametrize("chunk", [None, 1_000_000])
def test_a_large_blob_goes_up_and_down(
    client: RegistryClient, repository: str, tmp_path: Path, chunk: int | None
) -> None:
    content = bytes(range(256)) * 15_000 + str(chunk).encode()
    file = tmp_path / "blob"
    file.write_bytes(b"before" + content + b"after")
    seen: list[int] = []

    part, digest = FilePart(file, len(content), offset=6), Digest.of(content)
    client.upload_blob(repository, part, digest, chunk=chunk, progress=seen.append)

    assert seen == sorted(seen)
    assert seen[-1] == len(content)
    with client.blob(repository, digest) as blob:
        assert b"".join(map(bytes, blob)) == content
        assert blob.size == len(content)


def test_a_download_goes_on_from_an_offset(client: RegistryClient, repository: str) -> None:
    content = bytes(range(256)) * 1000
    digest = Digest.of(content)
    client.upload_blob(repository, content)
    hasher = hashlib.sha256(content[:100_000])

    with client.blob(repository, digest, offset=100_000, hasher=hasher) as blob:
        assert b"".join(map(bytes, blob)) == content[100_000:]


@pytest.mark.parametrize("size", [10, 2_000_000])
def test_content_that_is_not_what_its_digest_names_is_refused(
    client: RegistryClient, repository: str, size: int
) -> None:
    wrong = Digest.of(b"something else")

    with pytest.raises(DigestMismatch) as caught:
        client.upload_blob(repository, b"x" * size, wrong)

    assert wrong in caught.value.message
    assert Digest.of(b"x" * size) in caught.value.message
    with pytest.raises(NotFound):
        client.head_blob(repository, wrong)


def test_a_blob_is_mounted_from_another_repository(client: RegistryClient, repository: str) -> None:
    client.upload_blob(f"{repository}/source", b"content")
    digest = Digest.of(b"content")

    client.mount_blob(f"{repository}/mounted", digest, f"{repository}/source")
    outcome = client.upload_blob(f"{repository}/uploaded", b"content", mount_from=f"{repository}/source")

    assert outcome is Uploaded.MOUNTED
    assert client.small_blob(f"{repository}/mounted", digest) == b"content"
    with pytest.raises(NotFound, match="cannot be mounted"):
        client.mount_blob(f"{repository}/mounted", Digest.of(b"nowhere"), f"{repository}/source")


def test_referrers_are_found(client: RegistryClient, repository: str) -> None:
    subject = push_image(client, repository, "v1")
    client.upload_blob(repository, b"{}")
    signatures = []
    for text in ("one", "two"):
        referrer = manifest_of(
            b"{}",
            artifactType=f"application/x-{text}",
            subject=subject.descriptor.to_json(),
            annotations={"text": text},
        )
        client.put_manifest(repository, None, referrer)
        signatures.append(referrer)

    found = client.referrers(repository, subject.digest)

    assert {entry.digest for entry in found} == {signature.digest for signature in signatures}
    assert {entry.artifact_type for entry in found} == {"application/x-one", "application/x-two"}
    only = client.referrers(repository, subject.digest, "application/x-two")
    assert [entry.digest for entry in only] == [signatures[1].digest]
    assert client.referrers(repository, signatures[0].digest) == ()


def test_a_manifest_without_its_blobs_is_refused(client: RegistryClient, repository: str) -> None:
    with pytest.raises(RegistryError) as caught:
        client.put_manifest(repository, "v1", manifest_of(b"never pushed"))

    assert "blob" in (caught.value.hint or "")


def test_malformed_names_never_reach_the_registry(client: RegistryClient) -> None:
    for call in (
        lambda: client.tags("Team/App"),
        lambda: client.manifest("team/app", "-v1"),
        lambda: client.manifest("team/app", "sha256:123"),
        lambda: client.tags("../../etc"),
    ):
        with pytest.raises(UsageError):
            call()


def test_sizes_count_a_shared_blob_once(client: RegistryClient, repository: str) -> None:
    manifest = push_image(client, repository, "v1")

    assert isinstance(manifest, Manifest)
    assert manifest.size == len(manifest.raw) + manifest.config.size + manifest.layers[0].size


def test_a_referrer_leaves_its_list_with_its_manifest(client: RegistryClient, repository: str) -> None:
    """Neither release keeps the list itself, so that the client has to ("Deleting Manifests")."""
    subject = push_image(client, repository, "v1")
    client.upload_blob(repository, b"{}")
    one, two = (
        manifest_of(b"{}", artifactType=f"application/x-{name}", subject=subject.descriptor.to_json())
        for name in ("one", "two")
    )
    for each in (one, two):
        client.put_manifest(repository, None, each)
    fallback = f"sha256-{subject.digest.hex}"

    client.delete_manifest(repository, one.digest, subject.digest)
    assert [each.digest for each in client.referrers(repository, subject.digest)] == [two.digest]
    client.delete_manifest(repository, subject.digest, one.digest)  # which has no list
    assert client.tags(repository) == [fallback]
    client.delete_manifest(repository, two.digest, subject.digest)
    assert client.referrers(repository, subject.digest) == ()
    assert client.tags(repository) == [], "a list of nothing would be shown as an image"
