"""Images loaded from the archives of tools of every age."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import DigestMismatch, NotFound, UsageError
from ducklake_registry.oci import Descriptor, Manifest, media_types
from ducklake_registry.reference import Digest
from ducklake_registry.registry import RegistryClient, load
from tests.registry.archives import add, docker_archive, named
from tests.registry.images import layer_of
from tests.registry.test_interop import need

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.registry


class TestOlderArchives:
    LAYERS = (gzip.decompress(layer_of("one")[0]), gzip.decompress(layer_of("two")[0]))

    def test_layers_and_config_stay_as_they_are(
        self, client: RegistryClient, repository: str, tmp_path: Path
    ) -> None:
        one, two = self.LAYERS
        config = docker_archive(tmp_path / "old.tar", one, two, one, names=["app:v1"])

        loaded = load(client, tmp_path / "old.tar", named(client, repository))

        manifest = client.manifest(repository, "v1")
        assert isinstance(manifest, Manifest)
        assert loaded.digest == manifest.digest
        assert manifest.config == Descriptor(media_types.OCI_CONFIG, config, manifest.config.size)
        assert [layer.media_type for layer in manifest.layers] == [media_types.OCI_LAYER] * 3
        assert [client.small_blob(repository, layer) for layer in manifest.layers] == [one, two, one]

    def test_a_compressed_layer_is_called_so(
        self, client: RegistryClient, repository: str, tmp_path: Path
    ) -> None:
        layer, diff_id = layer_of("one")
        docker_archive(tmp_path / "old.tar", layer, rootfs={"type": "layers", "diff_ids": [diff_id]})

        load(client, tmp_path / "old.tar", named(client, repository))

        manifest = client.manifest(repository, "v1")
        assert isinstance(manifest, Manifest)
        assert [each.media_type for each in manifest.layers] == [media_types.OCI_LAYER_GZIP]
        assert client.small_blob(repository, manifest.layers[0]) == layer

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
    def test_a_compressed_archive(
        self, client: RegistryClient, repository: str, tmp_path: Path, pack: Callable[[bytes], bytes]
    ) -> None:
        docker_archive(tmp_path / "old.tar", *self.LAYERS)
        (tmp_path / "packed").write_bytes(pack((tmp_path / "old.tar").read_bytes()))

        plain = load(client, tmp_path / "old.tar", named(client, repository, "plain"))
        packed = load(client, tmp_path / "packed", named(client, repository, "packed"))

        assert packed.digest == plain.digest

    @pytest.mark.parametrize("options", [["-1"], ["--long=27", "-19"], ["-T2", "--no-check"]], ids=" ".join)
    def test_an_archive_that_was_piped_through_zstd(
        self, client: RegistryClient, repository: str, tmp_path: Path, options: list[str]
    ) -> None:
        """Which was not told how much would come."""
        layer = os.urandom(1_500_000) + bytes(3_000_000)
        docker_archive(tmp_path / "old.tar", layer)
        with (tmp_path / "old.tar").open("rb") as plain, (tmp_path / "old.tar.zst").open("wb") as packed:
            subprocess.run([need("zstd"), *options], stdin=plain, stdout=packed, check=True)

        load(client, tmp_path / "old.tar.zst", named(client, repository))

        manifest = client.manifest(repository, "v1")
        assert isinstance(manifest, Manifest)
        assert client.small_blob(repository, manifest.layers[0], limit=2 * len(layer)) == layer

    def test_zstd_in_several_frames(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        """As `cat`, pzstd and seekable archives make them; one that is to be skipped is among them."""
        docker_archive(tmp_path / "old.tar", *self.LAYERS)
        whole = (tmp_path / "old.tar").read_bytes()
        skipped = b"\x50\x2a\x4d\x18\x05\x00\x00\x00notes"
        frames = [zstd.compress(whole[start : start + 1000]) for start in range(0, len(whole), 1000)]
        (tmp_path / "packed").write_bytes(frames[0] + skipped + b"".join(frames[1:]))

        packed = load(client, tmp_path / "packed", named(client, repository))

        assert packed.digest == load(client, tmp_path / "old.tar", named(client, repository, "plain")).digest

    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (lambda packed: packed[:-20], "cannot be read: it was cut short"),
            (lambda packed: packed + zstd.compress(b"more")[:6], "cannot be read: it was cut short"),
            (lambda packed: packed + b"<html>", "cannot be unpacked"),
            (lambda packed: packed + bytes(512), "cannot be unpacked"),
            (lambda packed: packed[:4] + b"?" * (len(packed) - 4), "cannot be unpacked"),
            (lambda packed: packed[:-4] + bytes(4), "cannot be unpacked"),
            (lambda packed: b"\x28\xb5\x2f\xfd\x00\xa8" + packed, "cannot be unpacked"),
        ],
        ids=["cut", "half a frame", "words", "zeros", "no frame", "checksum", "window of 2 GiB"],
    )
    def test_zstd_that_is_damaged_is_told_in_one_line(
        self,
        client: RegistryClient,
        repository: str,
        tmp_path: Path,
        damage: Callable[[bytes], bytes],
        said: str,
    ) -> None:
        path = tmp_path / "old.tar"
        docker_archive(path, *self.LAYERS)
        checked = {int(zstd.CompressionParameter.checksum_flag): 1}
        path.write_bytes(damage(zstd.compress(path.read_bytes(), options=checked)))

        with pytest.raises(UsageError) as caught:
            load(client, path, named(client, repository))

        assert f"{path} {said}" in caught.value.message
        assert "\n" not in caught.value.message
        assert caught.value.hint
        with pytest.raises(NotFound):
            client.manifest(repository, "v1")

    @pytest.mark.parametrize("damage", ["layer", "config", "few layers", "no list", "cut"])
    def test_a_damaged_archive_is_refused(
        self, client: RegistryClient, repository: str, tmp_path: Path, damage: str
    ) -> None:
        path = tmp_path / "old.tar"
        match damage:
            case "layer":
                unique = os.urandom(600)
                docker_archive(path, unique)
                path.write_bytes(path.read_bytes().replace(unique, b"?" * 600))
            case "config":
                docker_archive(path, *self.LAYERS, rootfs={"diff_ids": ["sha256:1", "sha256:2"]})
            case "few layers":
                docker_archive(path, *self.LAYERS, rootfs={"diff_ids": [Digest.of(self.LAYERS[0])]})
            case "no list":
                with tarfile.open(path, "w") as tar:
                    add(tar, "manifest.json", b'{"Config": "none"}')
            case "cut":
                docker_archive(path, *self.LAYERS)
                path.write_bytes(gzip.compress(path.read_bytes())[:-20])

        with pytest.raises((UsageError, DigestMismatch)):
            load(client, path, named(client, repository))
        with pytest.raises(NotFound):
            client.manifest(repository, "v1")

    def test_one_of_several_images(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        docker_archive(tmp_path / "old.tar", *self.LAYERS, names=["app:v1", "app:v2"])

        loaded = load(client, tmp_path / "old.tar", named(client, repository), name="app:v2")

        assert client.manifest(repository, "v1").digest == loaded.digest
        with pytest.raises(UsageError, match="has 2 images: app:v1, app:v2"):
            load(client, tmp_path / "old.tar", named(client, repository))
