"""Archives that others wrote, and that others read."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.oci import Manifest
from ducklake_registry.reference import Digest
from ducklake_registry.registry import RegistryClient, load, save
from tests.registry.archives import named
from tests.registry.images import push_image
from tests.registry.test_interop import need, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.registry


class TestPeers:
    def test_skopeo_reads_what_we_save(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        manifest = push_image(client, repository, "v1")
        save(client, named(client, repository), tmp_path / "image.tar")

        source = f"oci-archive:{tmp_path}/image.tar:v1"
        assert run(need("skopeo"), "inspect", "--raw", source) == manifest.raw
        run(need("skopeo"), "copy", "--preserve-digests", source, f"oci:{tmp_path}/copy")
        for blob in manifest.blobs:
            assert Digest.of((tmp_path / "copy/blobs/sha256" / blob.digest.hex).read_bytes()) == blob.digest
        run(need("skopeo"), "inspect", f"docker-archive:{tmp_path}/image.tar")

    @pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
    def test_we_load_what_skopeo_saves(
        self, client: RegistryClient, repository: str, tmp_path: Path, form: str
    ) -> None:
        manifest = push_image(client, repository, "v1")
        source = f"docker://{client.endpoint.name}/{repository}:v1"
        target = f"{form}:{tmp_path}/image.tar:app:v1"
        run(need("skopeo"), "copy", "--src-tls-verify=false", source, target)

        load(client, tmp_path / "image.tar", named(client, f"{repository}/copy"))

        loaded = client.manifest(f"{repository}/copy", "v1")
        assert isinstance(loaded, Manifest)
        assert loaded.config.digest == manifest.config.digest
        if form == "oci-archive":
            assert loaded.raw == manifest.raw
        else:
            layer = client.small_blob(repository, manifest.layers[0])
            assert client.small_blob(loaded_in(repository), loaded.layers[0]) == gzip.decompress(layer)

    def test_crane_reads_what_we_save(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        manifest = push_image(client, repository, "v1")
        save(client, named(client, repository), tmp_path / "image.tar")

        run(need("crane"), "validate", "--tarball", tmp_path / "image.tar")
        run(
            need("crane"),
            "push",
            tmp_path / "image.tar",
            f"{client.endpoint.name}/{repository}:back",
            "--insecure",
        )

        pushed = client.manifest(repository, "back")
        assert isinstance(pushed, Manifest)
        assert [blob.digest for blob in pushed.blobs] == [blob.digest for blob in manifest.blobs]

    def test_we_load_what_crane_saves(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        manifest = push_image(client, repository, "v1")
        name = f"{client.endpoint.name}/{repository}:v1"
        run(need("crane"), "pull", name, tmp_path / "image.tar", "--insecure")

        load(client, tmp_path / "image.tar", named(client, f"{repository}/copy"))

        loaded = client.manifest(f"{repository}/copy", "v1")
        assert isinstance(loaded, Manifest)
        assert [blob.digest for blob in loaded.blobs] == [blob.digest for blob in manifest.blobs]


@pytest.mark.engine
class TestEngine:
    """The real engine: what it saves we load, what we save it loads, as the same image."""

    @pytest.fixture
    def image(self, repository: str, client: RegistryClient) -> str:
        asked = shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False)
        if not asked or asked.returncode:
            if os.environ.get("CI") == "true":
                pytest.fail("no Docker Engine answers")
            pytest.skip("no Docker Engine answers")
        return f"{client.endpoint.name}/{repository}:v1"

    def test_there_and_back(self, client: RegistryClient, repository: str, image: str, tmp_path: Path) -> None:
        manifest = push_image(client, repository, "v1")
        save(client, named(client, repository), tmp_path / "ours.tar")
        try:
            run("docker", "load", "--input", tmp_path / "ours.tar")
            identity = run("docker", "image", "inspect", "--format", "{{.Id}}", image).decode().strip()
            run("docker", "save", "--output", tmp_path / "theirs.tar", image)
        finally:
            run("docker", "image", "rm", "--force", image)

        assert identity == manifest.config.digest
        load(client, tmp_path / "theirs.tar", named(client, repository, "back"))
        back = client.manifest(repository, "back")
        assert isinstance(back, Manifest)
        assert back.config.digest == manifest.config.digest
        layer = client.small_blob(repository, manifest.layers[0])
        assert client.small_blob(repository, back.layers[0]) == gzip.decompress(layer)


def loaded_in(repository: str) -> str:
    return f"{repository}/copy"
