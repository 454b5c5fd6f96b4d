"""Lists of images, as the library makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import RegistryUnreachable
from ducklake_registry.oci import Index
from ducklake_registry.reference import Repository
from ducklake_registry.registry import Known, RegistryClient, TagList, list_images, list_tags
from tests.registry.faults import Request, faulty_server
from tests.registry.images import manifest_of, push_image, push_index

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.registry


def only(client: RegistryClient, repository: str) -> Iterator[TagList]:
    return list_tags(client, [Repository(repository)])


def test_everything_is_listed_with_its_details(client: RegistryClient, repository: str) -> None:
    index, _ = push_index(client, repository, "multi")
    manifest = push_image(client, repository, "v1")
    client.upload_blob(repository, b"{}")
    artifact = manifest_of(b"{}")
    client.put_manifest(repository, "twice", manifest)
    known = Known()

    images, again = (
        {str(image.tag): image for image in list_images(client, only(client, repository), known=known)}
        for _ in range(2)
    )

    assert known.details.get(artifact.digest) is None
    assert known.tags.get(Repository(repository)) == {tag: image.digest for tag, image in images.items()}
    assert images == again
    assert set(images) == {"multi", "twice", "v1"}
    details = images["v1"].details
    assert details
    assert (images["v1"].digest, details.size) == (manifest.digest, manifest.size)
    assert (details.platforms, details.created) == (("linux/amd64",), "2024-05-06T07:08:09Z")
    multi = images["multi"].details
    assert multi
    assert multi.platforms == ("linux/amd64", "linux/arm64/v8")
    assert multi.stored[index.digest] == len(index.raw)
    assert isinstance(client.manifest(repository, "multi"), Index)


def test_every_repository_is_listed(client: RegistryClient, repository: str) -> None:
    names = {f"{repository}/{number}" for number in range(20)}
    for name in names:
        push_image(client, name, "v1")

    tags = {found.repository: list(found.tags) for found in list_tags(client)}

    assert {name: tags[Repository(name)] for name in names} == {name: ["v1"] for name in names}


def test_a_broken_image_does_not_hide_the_others() -> None:
    manifest = manifest_of(b"{}")

    def behave(request: Request) -> None:
        if request.path.endswith("/tags/list"):
            request.json({"tags": ["broken", "gone", "fine"]})
        elif request.path.endswith("/gone"):
            request.error(404, "MANIFEST_UNKNOWN")
        elif request.path.endswith("/broken"):
            request.reply(200, b"<html>")
        else:
            request.reply(200, b"{}" if "/blobs/" in request.path else manifest.raw)

    with faulty_server() as server, RegistryClient(server.host, auth=None) as client:
        server.behaviour = behave
        images = list(list_images(client, only(client, "app")))

    found = [(image.tag, image.digest) for image in images]
    assert found == [("broken", None), ("gone", None), ("fine", manifest.digest)]
    assert "not JSON" in images[0].problem
    assert "nothing is behind the tag" in images[1].problem


def test_a_list_that_breaks_says_so() -> None:
    def behave(request: Request) -> None:
        if request.path.endswith("/b/tags/list"):
            request.cut()
        else:
            request.json({"tags": []})

    with faulty_server() as server, RegistryClient(server.host, auth=None, timeout=2) as client:
        server.behaviour = behave
        with pytest.raises(RegistryUnreachable):
            list(list_tags(client, [Repository(name) for name in "abc"]))
