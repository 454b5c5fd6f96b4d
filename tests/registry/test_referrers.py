"""What refers to an image: listed by the registry itself (olareg), or by the client under a tag (distribution)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.errors import NotFound
from ducklake_registry.oci import Index, Manifest, media_types, parse_manifest
from tests.registry.command import Command
from tests.registry.images import manifest_of, push_image
from tests.registry.programs import OLAREG
from tests.registry.test_interop import need, place, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ducklake_registry.oci import Descriptor
    from ducklake_registry.registry import Asked, RegistryClient
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry

SIGNATURE, SBOM = "application/x-signature", "application/spdx+json"
# The specification's limit of a page.
PAGE = 4 * 1024 * 1024


@pytest.fixture
def asks() -> list[Asked]:
    return []


@pytest.fixture
def client(any_registry: RunningRegistry, asks: list[Asked]) -> Iterator[RegistryClient]:
    with any_registry.client(observe=asks.append) as client:
        yield client


@pytest.fixture
def dlr(any_registry: RunningRegistry, tmp_path: Path) -> Command:
    environ = {"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none"), "COLUMNS": "120"}
    return Command(any_registry.host, environ)


def attach(client: RegistryClient, repository: str, subject: Descriptor, kind: str, **fields: Any) -> Manifest:
    """Put an artifact that refers to a manifest, under its digest alone."""
    client.upload_blob(repository, b"{}")
    artifact = manifest_of(b"{}", artifactType=kind, subject=subject.to_json(), **fields)
    client.put_manifest(repository, None, artifact)
    return artifact


def listed(client: RegistryClient, repository: str, subject: Manifest, kind: str = "") -> set[str]:
    return {each.digest for each in client.referrers(repository, subject.digest, kind)}


def fallback(subject: Manifest) -> str:
    return f"sha256-{subject.digest.hex}"


def test_they_are_listed_as_they_are(
    any_registry: RunningRegistry, client: RegistryClient, repository: str
) -> None:
    image = push_image(client, repository, "v1")
    signature = attach(client, repository, image.descriptor, SIGNATURE, annotations={"by": "me"})
    sbom = attach(client, repository, image.descriptor, SBOM)

    found = {each.digest: each for each in client.referrers(repository, image.digest)}

    assert found.keys() == {signature.digest, sbom.digest}
    one = found[signature.digest]
    assert (one.artifact_type, one.media_type) == (SIGNATURE, media_types.OCI_MANIFEST)
    assert (one.size, one.annotations) == (len(signature.raw), {"by": "me"})
    assert client.manifest(repository, one.digest) == signature
    assert client.referrers(repository, signature.digest) == ()
    tags = ["v1"] if any_registry.release == OLAREG else [fallback(image), "v1"]
    assert sorted(client.tags(repository)) == tags, "no tag stands in for a list that the registry has"


def test_they_are_chosen_by_their_type(
    any_registry: RunningRegistry, client: RegistryClient, repository: str, asks: list[Asked]
) -> None:
    image = push_image(client, repository, "v1")
    signature = attach(client, repository, image.descriptor, SIGNATURE)
    sbom = attach(client, repository, image.descriptor, SBOM)
    if any_registry.release == OLAREG:
        path = f"/v2/{repository}/referrers/{image.digest}?artifactType=application%2Fspdx%2Bjson"
        answer = client.ask("GET", path)
        assert answer.header("oci-filters-applied") == "artifactType"
        assert [each["digest"] for each in answer.objects("manifests")] == [sbom.digest]
    asks.clear()

    assert listed(client, repository, image, SIGNATURE) == {signature.digest}
    assert listed(client, repository, image, SBOM) == {sbom.digest}
    assert listed(client, repository, image, "application/x-other") == set()
    assert asks[0].url.endswith(f"/referrers/{image.digest}?artifactType=application%2Fx-signature")


def test_one_without_a_type_has_that_of_its_config(client: RegistryClient, repository: str) -> None:
    """As the specification has it of both lists: "Listing Referrers", "Referrers Tag Schema"."""
    image = push_image(client, repository, "v1")
    client.upload_blob(repository, b"{}")
    untyped = manifest_of(b"{}", subject=image.descriptor.to_json())
    client.put_manifest(repository, None, untyped)

    [found] = client.referrers(repository, image.digest)

    assert (found.digest, found.artifact_type) == (untyped.digest, media_types.OCI_CONFIG)
    assert listed(client, repository, image, media_types.OCI_CONFIG) == {untyped.digest}


def test_an_index_may_refer_too(client: RegistryClient, repository: str) -> None:
    image = push_image(client, repository, "v1")
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "artifactType": SBOM,
        "manifests": [image.descriptor.to_json()],
        "subject": image.descriptor.to_json(),
    }
    index = parse_manifest(json.dumps(document).encode())
    client.put_manifest(repository, "listing", index)

    [found] = client.referrers(repository, image.digest)

    assert isinstance(index, Index)
    assert (found.digest, found.media_type, found.artifact_type) == (index.digest, media_types.OCI_INDEX, SBOM)


def test_they_may_come_before_what_they_refer_to(client: RegistryClient, repository: str) -> None:
    push_image(client, repository, "v1")
    later = manifest_of(b"later")
    signature = attach(client, repository, later.descriptor, SIGNATURE)

    assert listed(client, repository, later) == {signature.digest}
    with pytest.raises(NotFound):
        client.manifest(repository, later.digest)


def test_nothing_refers_to_what_is_not_there(client: RegistryClient, repository: str) -> None:
    assert client.referrers(repository, manifest_of(b"never pushed").digest) == ()


def test_one_leaves_its_list_when_it_is_deleted(client: RegistryClient, repository: str) -> None:
    image = push_image(client, repository, "v1")
    signature = attach(client, repository, image.descriptor, SIGNATURE)
    sbom = attach(client, repository, image.descriptor, SBOM)

    client.delete_manifest(repository, signature.digest, image.digest)
    assert listed(client, repository, image) == {sbom.digest}
    client.delete_manifest(repository, sbom.digest, image.digest)
    assert listed(client, repository, image) == set()
    assert client.tags(repository) == ["v1"]


def test_a_list_in_pages_is_read_to_its_end(olareg: RunningRegistry, repository: str) -> None:
    """The client's own list is a manifest, and cannot be so large."""
    asks: list[Asked] = []
    with olareg.client(observe=asks.append) as client:
        image = push_image(client, repository, "v1")
        large = {"notes": "x" * (PAGE * 2 // 5)}
        made = {
            attach(client, repository, image.descriptor, kind, annotations=large | {"number": str(number)}).digest
            for number, kind in enumerate((SIGNATURE, SIGNATURE, SIGNATURE, SBOM, SBOM))
        }
        first = client.ask("GET", f"/v2/{repository}/referrers/{image.digest}")
        assert "rel=next" in first.header("link")
        assert len(first.objects("manifests")) == 2
        asks.clear()

        assert listed(client, repository, image) == made
        assert len([each for each in asks if "/referrers/" in each.url]) == 3
        assert len(listed(client, repository, image, SIGNATURE)) == 3


def test_the_commands_show_and_delete_them(dlr: Command, client: RegistryClient, repository: str) -> None:
    image = push_image(client, repository, "v1")
    made = [attach(client, repository, image.descriptor, kind) for kind in (SIGNATURE, SBOM)]

    def shown() -> dict[str, str]:
        found = json.loads(dlr("inspect", f"{repository}:v1", "-o", "json").stdout)
        return {each["digest"]: each["artifact_type"] for each in found["referrers"]}

    assert shown() == {made[0].digest: SIGNATURE, made[1].digest: SBOM}
    assert SIGNATURE in dlr("inspect", f"{repository}:v1").stdout
    dlr("delete-image", f"{repository}@{made[0].digest}", "--yes")
    assert shown() == {made[1].digest: SBOM}
    dlr("delete-image", f"{repository}@{made[1].digest}", "--yes")
    assert shown() == {}
    assert client.tags(repository) == ["v1"]


def test_they_and_oras_understand_each_other(client: RegistryClient, repository: str, tmp_path: Path) -> None:
    oras, name = need("oras"), place(client, repository)
    image = push_image(client, repository, "v1")
    ours = attach(client, repository, image.descriptor, SIGNATURE)
    (tmp_path / "content").write_text("theirs")
    run(oras, "attach", "--plain-http", "--artifact-type", SBOM, name, "content:text/plain", folder=tmp_path)

    [theirs] = client.referrers(repository, image.digest, SBOM)
    found = json.loads(run(oras, "discover", "--plain-http", "--format", "json", name))

    assert theirs.artifact_type == SBOM
    referring = found.get("referrers") or found["manifests"]
    assert {each["digest"] for each in referring} == {ours.digest, theirs.digest}
