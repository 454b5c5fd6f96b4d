"""What crane, oras and skopeo push we read, and what we push they read, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.oci import Index, Manifest
from ducklake_registry.reference import Reference
from ducklake_registry.registry import load, save
from tests.registry import programs
from tests.registry.images import DOCKER, OCI, Types, push_image, push_index

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient

pytestmark = pytest.mark.registry


def run(*words: str | Path, folder: Path | None = None) -> bytes:
    done = subprocess.run(words, capture_output=True, check=False, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def need(program: str) -> str:
    """A peer must be there in CI; elsewhere its tests are skipped without it."""
    found = programs.find(program)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    (tmp_path / "content").write_text("hello")
    with tarfile.open(tmp_path / "layer.tar", "w") as tar:
        tar.add(tmp_path / "content", "content")
    return tmp_path / "layer.tar"


def place(client: RegistryClient, repository: str, tag: str = "v1") -> str:
    return f"{client.endpoint.name}/{repository}:{tag}"


class TestCrane:
    def test_pushes_what_we_read(self, client: RegistryClient, repository: str, layer: Path) -> None:
        crane, name = need("crane"), place(client, repository)
        run(crane, "append", "--oci-empty-base", "-f", layer, "-t", name, "--insecure")

        manifest = client.manifest(repository, "v1")

        assert manifest.raw == run(crane, "manifest", name, "--insecure")
        assert manifest.digest == run(crane, "digest", name, "--insecure").decode().strip()
        assert isinstance(manifest, Manifest)
        assert client.small_blob(repository, manifest.config) == run(crane, "config", name, "--insecure")

    @pytest.mark.parametrize("types", [OCI, DOCKER], ids=["OCI", "Docker"])
    def test_reads_what_we_push(self, client: RegistryClient, repository: str, types: Types) -> None:
        crane = need("crane")
        index, manifests = push_index(client, repository, "v1", types)

        assert run(crane, "manifest", place(client, repository), "--insecure") == index.raw
        run(crane, "validate", "--remote", place(client, repository), "--insecure")
        for manifest in manifests:
            name = f"{client.endpoint.name}/{repository}@{manifest.digest}"
            blob = f"{client.endpoint.name}/{repository}@{manifest.layers[0].digest}"
            assert run(crane, "manifest", name, "--insecure") == manifest.raw
            assert run(crane, "blob", blob, "--insecure") == client.small_blob(repository, manifest.layers[0])

    def test_saves_a_layout_that_we_load(
        self, client: RegistryClient, repository: str, layer: Path, tmp_path: Path
    ) -> None:
        crane, name = need("crane"), place(client, repository)
        run(crane, "append", "--oci-empty-base", "-f", layer, "-t", name, "--insecure")
        run(crane, "pull", "--format=oci", name, tmp_path / "layout", "--insecure")

        copy = Reference.parse(place(client, f"{repository}/copy"))
        loaded = load(client, tmp_path / "layout", copy)

        assert loaded.digest == client.manifest(repository, "v1").digest
        assert client.manifest(copy.repository, "v1").raw == client.manifest(repository, "v1").raw

    def test_loads_a_layout_that_we_save(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        crane = need("crane")
        index, _ = push_index(client, repository, "v1")
        save(client, Reference.parse(place(client, repository)), tmp_path / "layout")

        run(crane, "push", "--index", tmp_path / "layout", place(client, f"{repository}/copy"), "--insecure")

        # crane pushes the layout's own index, which lists ours.
        pushed = client.manifest(f"{repository}/copy", "v1")
        assert isinstance(pushed, Index)
        assert [entry.digest for entry in pushed.manifests] == [index.digest]
        assert client.manifest(f"{repository}/copy", index.digest) == index


class TestSkopeo:
    @pytest.mark.parametrize(("form", "types"), [("oci", OCI), ("v2s2", DOCKER)])
    def test_pushes_what_we_read(
        self, client: RegistryClient, repository: str, tmp_path: Path, form: str, types: Types
    ) -> None:
        skopeo, name = need("skopeo"), f"docker://{place(client, f'{repository}/theirs')}"
        ours = push_image(client, repository, "v1")
        save(client, Reference.parse(place(client, repository)), tmp_path / "layout")
        run(
            *(skopeo, "--insecure-policy", "copy", "--dest-tls-verify=false", "--format", form),
            *(f"oci:{tmp_path}/layout:v1", name),
        )

        manifest = client.manifest(f"{repository}/theirs", "v1")

        assert isinstance(manifest, Manifest)
        assert (manifest.media_type, manifest.config.media_type) == (types.manifest, types.config)
        assert manifest.raw == run(skopeo, "inspect", "--raw", "--tls-verify=false", name)
        config = run(skopeo, "inspect", "--config", "--raw", "--tls-verify=false", name)
        assert client.small_blob(f"{repository}/theirs", manifest.config) == config
        [layer] = manifest.layers
        assert layer.media_type == types.layer
        with client.blob(f"{repository}/theirs", layer) as blob:
            assert b"".join(map(bytes, blob)) == client.small_blob(repository, ours.layers[0])

    def test_copies_a_layout_that_we_load(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        skopeo = need("skopeo")
        manifest = push_image(client, repository, "v1")
        source = f"docker://{place(client, repository)}"
        run(skopeo, "copy", "--preserve-digests", "--src-tls-verify=false", source, f"oci:{tmp_path}/layout:v1")

        copy = Reference.parse(place(client, f"{repository}/copy"))
        assert load(client, tmp_path / "layout", copy, name="v1").digest == manifest.digest

    def test_reads_what_we_push_and_save(self, client: RegistryClient, repository: str, tmp_path: Path) -> None:
        skopeo = need("skopeo")
        manifest = push_image(client, repository, "v1")
        save(client, Reference.parse(place(client, repository)), tmp_path / "layout")

        remote = run(skopeo, "inspect", "--raw", "--tls-verify=false", f"docker://{place(client, repository)}")
        local = run(skopeo, "inspect", "--raw", f"oci:{tmp_path}/layout:v1")
        looked = json.loads(run(skopeo, "inspect", f"oci:{tmp_path}/layout:v1"))

        assert remote == local == manifest.raw
        assert looked["Digest"] == manifest.digest


class TestOras:
    def test_pushes_an_artifact_and_a_referrer_that_we_read(
        self, client: RegistryClient, repository: str, layer: Path
    ) -> None:
        oras, name = need("oras"), place(client, repository)
        run(oras, "push", "--plain-http", name, "layer.tar:application/x-test", folder=layer.parent)
        run(
            *(oras, "attach", "--plain-http", "--artifact-type", "application/x-signature", name),
            "content:text/plain",
            folder=layer.parent,
        )

        manifest = client.manifest(repository, "v1")

        assert isinstance(manifest, Manifest)
        with client.blob(repository, manifest.layers[0]) as blob:
            assert b"".join(map(bytes, blob)) == layer.read_bytes()
        [referrer] = client.referrers(repository, manifest.digest)
        assert referrer.artifact_type == "application/x-signature"
        assert manifest.raw == run(oras, "manifest", "fetch", "--plain-http", name)

    @pytest.mark.parametrize("types", [OCI, DOCKER], ids=["OCI", "Docker"])
    def test_reads_what_we_push(self, client: RegistryClient, repository: str, types: Types) -> None:
        oras, fetch = need("oras"), ("fetch", "--plain-http", "--output", "-")
        index, manifests = push_index(client, repository, "v1", types)

        assert run(oras, "manifest", *fetch, place(client, repository)) == index.raw
        for manifest in manifests:
            within = f"{client.endpoint.name}/{repository}@"
            assert run(oras, "manifest", *fetch, f"{within}{manifest.digest}") == manifest.raw
            for blob in manifest.blobs:
                content = run(oras, "blob", *fetch, f"{within}{blob.digest}")
                assert content == client.small_blob(repository, blob)

    def test_finds_the_referrers_that_we_push(self, client: RegistryClient, repository: str) -> None:
        oras = need("oras")
        subject = push_image(client, repository, "v1")
        referrer = push_image(
            client,
            repository,
            None,
            "signature",
            artifactType="application/x-signature",
            subject=subject.descriptor.to_json(),
        )

        found = run(oras, "discover", "--plain-http", "--format", "json", place(client, repository))

        assert referrer.digest in found.decode()
