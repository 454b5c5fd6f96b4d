"""Images saved into OCI layouts and loaded from them, and lists of all images."""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from ducklake_registry.errors import DigestMismatch, NotFound, UsageError
from ducklake_registry.oci import Platform
from ducklake_registry.reference import Reference
from ducklake_registry.registry import RegistryClient, load, save
from tests.registry.images import DOCKER, OCI, Types, push_image, push_index

pytestmark = pytest.mark.registry


def named(client: RegistryClient, repository: str, tag: str = "v1") -> Reference:
    return Reference.parse(f"{client.endpoint.name}/{repository}:{tag}")


def packed(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w") as tar:
        tar.add(folder, ".")
    return archive


@pytest.mark.parametrize("types", [OCI, DOCKER], ids=["OCI", "Docker"])
@pytest.mark.parametrize("form", ["folder", "archive"])
def test_an_image_survives_the_way_through_files(
    client: RegistryClient, repository: str, tmp_path: Path, form: str, types: Types
) -> None:
    index, manifests = push_index(client, repository, "v1", types)

    saved = save(client, named(client, repository), tmp_path / "layout")
    source = tmp_path / "layout" if form == "folder" else packed(tmp_path / "layout", tmp_path / "layout.tar")
    loaded = load(client, source, named(client, f"{repository}/copy", "v2"))

    assert saved.digest == loaded.digest == index.digest
    assert saved.size == loaded.size
    copy = f"{repository}/copy"
    assert client.manifest(copy, "v2") == index
    assert client.tags(copy) == ["v2"]
    for manifest in manifests:
        assert client.manifest(copy, manifest.digest) == manifest
        for blob in manifest.blobs:
            assert client.small_blob(copy, blob) == client.small_blob(repository, blob)


def test_what_is_there_is_not_moved_again(client: RegistryClient, repository: str, tmp_path: Path) -> None:
    manifest = push_image(client, repository, "v1")
    moved: list[int] = []

    first = save(client, named(client, repository), tmp_path, moved=moved.append)
    again = save(client, named(client, repository), tmp_path)
    back = load(client, tmp_path, named(client, repository, "v2"))

    assert first.moved == sum(moved) == sum(blob.size for blob in manifest.blobs)
    assert (again.moved, back.moved) == (0, 0)


def test_a_download_that_was_broken_off_goes_on(client: RegistryClient, repository: str, tmp_path: Path) -> None:
    manifest = push_image(client, repository, "v1")
    [layer] = manifest.layers
    content = client.small_blob(repository, layer)
    partial = tmp_path / "blobs" / "sha256" / f"{layer.digest.hex}.partial"
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    partial.parent.mkdir(parents=True)
    partial.write_bytes(content[:50])

    saved = save(client, named(client, repository), tmp_path)

    assert saved.moved == manifest.config.size + layer.size - 50
    assert partial.with_suffix("").read_bytes() == content
    assert not partial.exists()


@pytest.mark.parametrize("damage", ["whole", "partial"])
def test_what_is_damaged_is_not_believed(
    client: RegistryClient, repository: str, tmp_path: Path, damage: str
) -> None:
    manifest = push_image(client, repository, "v1")
    [layer] = manifest.layers
    save(client, named(client, repository), tmp_path)
    file = tmp_path / "blobs" / "sha256" / layer.digest.hex
    content = file.read_bytes()
    if damage == "whole":
        file.write_bytes(b"?" * layer.size)
        save(client, named(client, repository), tmp_path)
    else:
        file.unlink()
        partial = file.with_suffix(".partial")
        partial.write_bytes(b"?" * 50)
        with pytest.raises(DigestMismatch):
            save(client, named(client, repository), tmp_path)
        assert not partial.exists()
        save(client, named(client, repository), tmp_path)

    assert file.read_bytes() == content


def test_one_platform_of_several(client: RegistryClient, repository: str, tmp_path: Path) -> None:
    _, [amd64, arm64] = push_index(client, repository, "v1")

    saved = save(client, named(client, repository), tmp_path / "arm", platform=Platform.parse("linux/arm64"))
    save(client, named(client, repository), tmp_path / "both")
    loaded = load(
        client, tmp_path / "both", named(client, f"{repository}/one"), platform=Platform.parse("linux/amd64")
    )

    assert (saved.digest, loaded.digest) == (arm64.digest, amd64.digest)
    with pytest.raises(NotFound, match="not made for windows/amd64") as caught:
        save(client, named(client, repository), tmp_path / "none", platform=Platform.parse("windows/amd64"))
    assert caught.value.hint == "it is there for linux/amd64, linux/arm64/v8"


@pytest.mark.parametrize("missing", ["manifest", "layer"])
def test_an_index_whose_other_platforms_are_not_there(
    client: RegistryClient, repository: str, tmp_path: Path, missing: str
) -> None:
    """What `docker save` of an engine with containerd's image store writes of a multi-platform image."""
    _, [amd64, arm64] = push_index(client, repository, "v1")
    save(client, named(client, repository), tmp_path / "layout")
    gone = arm64.digest if missing == "manifest" else arm64.layers[0].digest
    (tmp_path / "layout" / "blobs" / "sha256" / gone.hex).unlink()
    archive, target = packed(tmp_path / "layout", tmp_path / "saved.tar"), named(client, f"{repository}/copy")

    with pytest.raises(UsageError, match="not have all platforms of the image, only linux/amd64") as caught:
        load(client, archive, target)

    assert caught.value.hint == "load what is there: --platform linux/amd64"
    assert load(client, archive, target, platform=Platform.parse("linux/amd64")).digest == amd64.digest
    with pytest.raises(UsageError, match="is not complete"):
        load(client, archive, target, platform=Platform.parse("linux/arm64"))


def test_several_images_in_one_layout(client: RegistryClient, repository: str, tmp_path: Path) -> None:
    one = push_image(client, repository, "v1", "one")
    two = push_image(client, repository, "v2", "two")
    for tag in ("v1", "v2", "v2"):
        save(client, named(client, repository, tag), tmp_path)

    target = named(client, f"{repository}/copy")
    assert load(client, tmp_path, target, name="v1").digest == one.digest
    assert load(client, tmp_path, target, name="v2").digest == two.digest
    assert load(client, tmp_path, named(client, f"{repository}", "v2")).digest == two.digest, (
        "the one of that name"
    )
    with pytest.raises(UsageError, match=f"has 2 images: {repository}:v1, {repository}:v2"):
        load(client, tmp_path, named(client, f"{repository}/copy", "v3"))
    with pytest.raises(UsageError, match=f"has 0 images called v4: {repository}:v1, "):
        load(client, tmp_path, target, name="v4")


def test_two_repositories_of_one_tag_in_one_layout(
    client: RegistryClient, repository: str, tmp_path: Path
) -> None:
    """A backup of a registry: neither takes the other's place, by name or by digest."""
    images = {each: push_image(client, each, "v1", each) for each in (f"{repository}/one", f"{repository}/two")}
    for _ in range(2):
        for within, image in images.items():
            save(client, named(client, within), tmp_path)
            save(client, replace(named(client, within), tag=None, digest=image.digest), tmp_path)

    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 4
    for within, image in images.items():
        client.delete_manifest(within, image.digest)
        assert load(client, tmp_path, named(client, within)).digest == image.digest
    with pytest.raises(UsageError, match=f"has 2 images called v1: {repository}/(one|two):v1, "):
        load(client, tmp_path, named(client, repository), name="v1")


@pytest.mark.parametrize("missing", ["layer", "index.json", "content", "size"])
def test_a_damaged_layout_is_refused(
    client: RegistryClient, repository: str, tmp_path: Path, missing: str
) -> None:
    manifest = push_image(client, repository, "v1", os.urandom(8).hex())
    save(client, named(client, repository), tmp_path)
    blobs = tmp_path / "blobs" / "sha256"
    match missing:
        case "layer":
            (blobs / manifest.layers[0].digest.hex).unlink()
        case "index.json":
            (tmp_path / "index.json").write_text(json.dumps({"manifests": "none"}))
        case "content":
            (blobs / manifest.layers[0].digest.hex).write_bytes(b"?" * manifest.layers[0].size)
        case "size":
            (blobs / manifest.layers[0].digest.hex).write_bytes(b"?")

    target = f"{repository}/copy"
    with pytest.raises((UsageError, DigestMismatch)):
        load(client, tmp_path, named(client, target))
    with pytest.raises(NotFound):
        client.manifest(target, "v1")


def test_a_run_that_was_killed_at_its_first_step_can_be_repeated(
    client: RegistryClient, repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    manifest = push_image(client, repository, "v1")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            save(client, named(client, repository), tmp_path / "layout")
    assert list((tmp_path / "layout").iterdir())

    assert save(client, named(client, repository), tmp_path / "layout").digest == manifest.digest


def test_a_folder_with_something_else_is_left_alone(
    client: RegistryClient, repository: str, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("data")
    push_image(client, repository, "v1")

    with pytest.raises(UsageError, match="neither empty nor an OCI layout"):
        save(client, named(client, repository), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["precious"]


def test_what_is_no_layout_is_told(client: RegistryClient, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    with tarfile.open(tmp_path / "empty.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("readme"), io.BytesIO())

    for name in ("nowhere", "text", "empty.tar", "."):
        with pytest.raises(UsageError) as caught:
            load(client, tmp_path / name, named(client, "never"))
        assert caught.value.hint
