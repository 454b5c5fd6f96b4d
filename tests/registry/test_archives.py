"""Images saved into tar archives, and loaded from them."""

from __future__ import annotations

import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import Busy, NotFound, UsageError
from ducklake_registry.oci import Manifest, Platform
from ducklake_registry.reference import Digest
from ducklake_registry.registry import RegistryClient, load, save, tls_context
from tests.registry.archives import add, content, docker_archive, named
from tests.registry.images import push_image, push_index

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


class TestSaving:
    def test_everything_is_in_the_archive(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        index, manifests = push_index(client, repository, "v1")

        save(client, named(client, repository), tmp_path / "image.tar")

        files = content(tmp_path / "image.tar")
        for blob in [blob for manifest in manifests for blob in manifest.blobs]:
            assert Digest.of(files[f"blobs/sha256/{blob.digest.hex}"]) == blob.digest
        assert files[f"blobs/sha256/{index.digest.hex}"] == index.raw
        [entry] = json.loads(files["index.json"])["manifests"]
        assert entry["digest"] == index.digest
        assert entry["annotations"]["org.opencontainers.image.ref.name"] == "v1"
        assert "manifest.json" not in files, "it knows no platforms"
        assert [each.name for each in tmp_path.iterdir()] == ["image.tar"]

    def test_two_runs_make_the_same_archive(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        push_index(client, repository, "v1")
        for name in ("one.tar", "two.tar"):
            save(client, named(client, repository), tmp_path / name)

        assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()

    def test_a_whole_archive_is_left_alone(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        push_image(client, repository, "v1")
        target = tmp_path / "image.tar"
        save(client, named(client, repository), target)
        before = target.stat()

        again = save(client, named(client, repository), target)

        assert again.moved == 0
        assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_a_damaged_archive_is_written_anew(
        self, client: RegistryClient, repository: str, tmp_path: Path
    ) -> None:
        [layer] = push_image(client, repository, "v1").layers
        target = tmp_path / "image.tar"
        save(client, named(client, repository), target)
        whole = target.read_bytes()
        target.write_bytes(whole.replace(client.small_blob(repository, layer), b"?" * layer.size))

        save(client, named(client, repository), target)

        assert target.read_bytes() == whole

    def test_another_image_replaces_it(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        for tag in ("v1", "v2"):
            push_image(client, repository, tag, tag)
            save(client, named(client, repository, tag), tmp_path / "image.tar")

        loaded = load(client, tmp_path / "image.tar", named(client, f"{repository}/copy"))
        assert loaded.digest == client.manifest(repository, "v2").digest

    @pytest.mark.parametrize("there", ["text", "tar"])
    def test_something_else_is_left_alone(
        self, client: RegistryClient, repository: str, tmp_path: Path, there: str
    ) -> None:
        push_image(client, repository, "v1")
        target = tmp_path / "backup.tar"
        target.write_text("precious")
        if there == "tar":
            with tarfile.open(target, "w") as tar:
                add(tar, "precious", b"data")
        before = target.read_bytes()

        with pytest.raises(UsageError, match="is no archive of images"):
            save(client, named(client, repository), target)

        assert target.read_bytes() == before
        assert list(tmp_path.iterdir()) == [target]

    def test_a_dry_run_writes_nothing(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        manifest = push_image(client, repository, "v1")
        blobs = sum(blob.size for blob in manifest.blobs)

        for name in ("image.tar", "folder"):
            told = save(client, named(client, repository), tmp_path / name, dry_run=True)
            assert (told.digest, told.moved) == (manifest.digest, blobs)
        assert list(tmp_path.iterdir()) == []

        save(client, named(client, repository), tmp_path / "image.tar")
        assert save(client, named(client, repository), tmp_path / "image.tar", dry_run=True).moved == 0
        copy = named(client, f"{repository}/copy")
        assert load(client, tmp_path / "image.tar", copy, dry_run=True).moved == blobs
        with pytest.raises(NotFound):
            client.manifest(copy.repository, "v1")

    def test_the_platform_of_a_single_image_is_checked(
        self, client: RegistryClient, repository: str, tmp_path: Path
    ) -> None:
        push_image(client, repository, "v1")
        save(client, named(client, repository), tmp_path / "it.tar", platform=Platform.parse("linux/amd64"))

        arm = Platform.parse("linux/arm64")
        with pytest.raises(NotFound) as saving:
            save(client, named(client, repository), tmp_path / "other.tar", platform=arm)
        with pytest.raises(NotFound) as loading:
            load(client, tmp_path / "it.tar", named(client, repository, "v2"), platform=arm)
        assert saving.value.hint == loading.value.hint == "it is there for linux/amd64"

    def test_two_at_once_do_not_spoil_the_file(
        self, client: RegistryClient, repository: str, tmp_path: Path
    ) -> None:
        push_image(client, repository, "v1")
        refused: list[Busy] = []

        def meanwhile(_: int) -> None:
            if not refused:
                with pytest.raises(Busy) as caught:
                    save(client, named(client, repository), tmp_path / "image.tar")
                refused.append(caught.value)

        save(client, named(client, repository), tmp_path / "image.tar", moved=meanwhile)

        assert "another dlr is writing" in refused[0].message
        assert load(client, tmp_path / "image.tar", named(client, repository, "v2")).moved == 0


def test_a_layer_of_many_pieces_goes_up_with_and_without_tls(
    client: RegistryClient, with_tls: RunningRegistry, repository: str, tmp_path: Path
) -> None:
    layer = os.urandom(9_000_001)
    docker_archive(tmp_path / "old.tar", layer)
    context = tls_context(ca_file=with_tls.ca_file)

    with with_tls.client(verify=context) as secure:
        for each in (client, secure):
            load(each, tmp_path / "old.tar", named(each, repository))
            manifest = each.manifest(repository, "v1")
            assert isinstance(manifest, Manifest)
            with each.blob(repository, manifest.layers[0]) as blob:
                assert b"".join(map(bytes, blob)) == layer
