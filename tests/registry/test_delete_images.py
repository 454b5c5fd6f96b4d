"""`dlr delete-image` against the real registries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.cluster.pods import RunningImage
from ducklake_registry.errors import NotFound
from ducklake_registry.oci import Descriptor, Index, Platform
from ducklake_registry.reference import Reference
from ducklake_registry.workflows.delete_images import DeleteImages
from tests.registry.images import manifest_of, push_image, push_index

if TYPE_CHECKING:
    from ducklake_registry.registry import RegistryClient
    from tests.registry.command import Command
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


def test_a_deletion_shows_first_what_would_go(dlr: Command, client: RegistryClient, repository: str) -> None:
    index, [amd64, _] = push_index(client, repository, "multi")
    client.put_manifest(repository, "v1", amd64)
    client.put_manifest(repository, "stable", amd64)

    shown = dlr("delete-image", f"{repository}:v1", "--dry-run")
    refused = dlr("delete-image", f"{repository}:v1", code=2)

    assert amd64.digest in shown.stdout
    assert "also as   stable" in shown.stdout
    assert "listed by multi" in shown.stdout
    assert "which pods run it is not known" in shown.stderr
    assert "--yes" in refused.stderr
    assert sorted(client.tags(repository)) == ["multi", "stable", "v1"]

    dlr("delete-image", f"{repository}:v1", "--yes")
    assert client.tags(repository) == ["multi"]
    assert "not there" in dlr.listed(repository, code=1)[0]["problem"]
    assert client.manifest(repository, "multi").digest == index.digest


def test_a_tag_alone_is_deleted_where_that_can_be(
    dlr: Command, client: RegistryClient, repository: str, release: str
) -> None:
    manifest = push_image(client, repository, "v1")
    client.put_manifest(repository, "v2", manifest)

    done = dlr("delete-image", f"{repository}:v1", "--tag-only", "--yes", code=4 if release == "2.8" else 0)

    if release == "2.8":
        assert "cannot delete a tag alone" in done.stderr
    assert sorted(client.tags(repository)) == (["v1", "v2"] if release == "2.8" else ["v2"])
    dlr("delete-image", f"{repository}@{manifest.digest}", "--tag-only", "--yes", code=2)


def test_what_an_index_lists_is_shown_and_stays(
    dlr: Command, client: RegistryClient, repository: str, release: str
) -> None:
    _, [amd64, arm64] = push_index(client, repository, "multi")
    client.put_manifest(repository, "amd64", amd64)

    shown = dlr("delete-image", f"{repository}:multi", "--dry-run").stdout.splitlines()
    both = dlr("delete-image", f"{repository}:multi", f"{repository}:amd64", "--dry-run").stdout
    tag_only = dlr("delete-image", f"{repository}:multi", "--tag-only", "--dry-run").stdout

    assert "  stays     linux/amd64, found by amd64" in shown
    assert "  stays     linux/arm64/v8, in no list (--with-platforms deletes it)" in shown
    assert {f"    {amd64.digest}", f"    {arm64.digest}"} < set(shown)
    assert max(map(len, shown[1:])) <= 80
    assert both.count(amd64.digest) == 1, "it is deleted itself"
    assert ("linux/arm64/v8" in both, "linux/amd64" in both) == (True, False)
    assert "linux/" not in tag_only, "the index stays, and lists them"

    dlr("delete-image", f"{repository}:multi", "--yes")
    assert client.manifest(repository, arm64.digest) == arm64


def test_with_its_platforms_an_index_takes_along_what_nothing_else_lists(
    dlr: Command, client: RegistryClient, repository: str
) -> None:
    index, [amd64, arm64] = push_index(client, repository, "multi")
    other = Index.of([index.manifests[0]])
    client.put_manifest(repository, "other", other)
    words = ("delete-image", f"{repository}:multi", "--with-platforms")

    shown = dlr(*words, "--dry-run").stdout.splitlines()
    assert "  stays     linux/amd64, found by other" in shown
    assert "  goes too  linux/arm64/v8" in shown
    assert client.manifest(repository, arm64.digest) == arm64, "it was only shown"

    dlr(*words, "--yes")
    assert client.tags(repository) == ["other"]
    assert client.manifest(repository, amd64.digest) == amd64
    with pytest.raises(NotFound):
        client.manifest(repository, arm64.digest)

    # The last one that lists it, by its digest; and what is gone already keeps nobody from the rest.
    push_index(client, repository, "again")
    client.delete_manifest(repository, arm64.digest)
    dlr("delete-image", f"{repository}:again", f"{repository}@{other.digest}", "--with-platforms", "--yes")
    with pytest.raises(NotFound):
        client.manifest(repository, amd64.digest)
    dlr(*words, "--tag-only", code=2)


def test_an_index_without_a_tag_has_its_platforms_too(
    dlr: Command, client: RegistryClient, repository: str, release: str
) -> None:
    index, [amd64, _] = push_index(client, repository, "multi")
    client.put_manifest(repository, "multi", amd64)

    shown = dlr("delete-image", f"{repository}@{index.digest}", "--with-platforms", "--dry-run").stdout
    assert "stays     linux/amd64, found by multi" in shown
    assert "goes too  linux/arm64/v8" in shown


def test_a_platform_that_a_terminal_would_obey_is_shown(
    dlr: Command, client: RegistryClient, repository: str
) -> None:
    image = push_image(client, repository, None)
    hostile = Descriptor(image.media_type, image.digest, len(image.raw), Platform("linux\x1b[2J\n", "amd64"))
    client.put_manifest(repository, "multi", Index.of([hostile]))

    shown = dlr("delete-image", f"{repository}:multi", "--dry-run").stdout
    assert "stays     linux\\x1b[2J /amd64, in no list" in shown


@pytest.mark.parametrize("tag_only", [False, True])
def test_pods_are_named_however_they_name_the_image(
    client: RegistryClient, repository: str, tag_only: bool
) -> None:
    manifest = push_image(client, repository, "latest")
    registry = client.endpoint.name
    [doomed] = DeleteImages(client, [Reference.parse(f"{registry}/{repository}:latest")], tag_only).find(print)

    def users(image: str, digest: str = "") -> int:
        return len(doomed.users([RunningImage("default", "pod", image, digest)]))

    assert users(f"{registry}/{repository}") == 1, "without a tag it is latest"
    assert users(f"{registry}/{repository}:latest") == 1
    assert users(f"docker-registry.storage.svc.cluster.local:5000/{repository}") == 1
    assert users(f"{registry}/{repository}:v1") == 0
    assert users(f"{registry}/{repository}:v1", manifest.digest) == (0 if tag_only else 1)
    assert users(repository) == 0, "this is Docker Hub's"


def test_pods_that_run_the_index_are_named_when_a_platform_goes(client: RegistryClient, repository: str) -> None:
    """The node notes the index's digest, whichever platform it runs."""
    index, [amd64, _] = push_index(client, repository, "multi")
    client.put_manifest(repository, "amd64", amd64)
    registry = client.endpoint.name
    [doomed] = DeleteImages(client, [Reference.parse(f"{registry}/{repository}:amd64")]).find(print)
    running = [
        RunningImage("default", "runs", f"{registry}/{repository}:multi", index.digest),
        RunningImage("default", "starts", f"{registry}/{repository}:multi", ""),
        RunningImage("default", "pinned", f"{registry}/{repository}@{index.digest}", ""),
        RunningImage("default", "another", f"{registry}/{repository}:v1", ""),
    ]
    assert [each.pod for each in doomed.users(running)] == ["runs", "starts", "pinned"]


def test_what_refers_to_an_image_leaves_its_list_when_it_is_deleted(
    dlr: Command, client: RegistryClient, repository: str
) -> None:
    image = push_image(client, repository, "v1")
    client.upload_blob(repository, b"{}")
    made = [
        manifest_of(b"{}", artifactType=f"application/x-{name}", subject=image.descriptor.to_json())
        for name in ("signature", "sbom")
    ]
    for each in made:
        client.put_manifest(repository, None, each)

    def referrers() -> list[str]:
        found = json.loads(dlr("inspect", f"{repository}:v1", "-o", "json").stdout)
        return [each["digest"] for each in found["referrers"]]

    assert referrers() == [each.digest for each in made]
    for gone, left in ((0, [made[1].digest]), (1, [])):
        word = f"{repository}@{made[gone].digest}"
        assert "listed by" not in dlr("delete-image", word, "--dry-run").stdout, "it is taken off that list"
        dlr("delete-image", word, "--yes")
        assert referrers() == left
    assert client.tags(repository) == ["v1"], "no list of nothing is left"


def test_several_images_are_deleted_each_once(dlr: Command, client: RegistryClient, repository: str) -> None:
    same, other = push_image(client, repository, "v1"), push_image(client, repository, "v3", "other")
    client.put_manifest(repository, "v2", same)

    dlr("delete-image", *(f"{repository}:{tag}" for tag in ("v1", "v2")), f"{repository}@{other.digest}", "--yes")

    assert client.tags(repository) == []


def test_a_refused_deletion_tells_which_of_two_reasons(
    dlr: Command, client: RegistryClient, repository: str, frozen: tuple[RunningRegistry, RunningRegistry]
) -> None:
    push_image(client, repository, "v1")
    readonly, undeletable = frozen
    words = ("delete-image", f"{repository}:v1", "--yes")

    assert "maintenance.readonly" in dlr(*words, code=4, registry=readonly.host).stderr
    assert "storage.delete.enabled" in dlr(*words, code=4, registry=undeletable.host).stderr
    assert client.tags(repository) == ["v1"]
