"""Images saved into tar archives, and loaded from those of every age and tool."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.errors import Busy, DigestMismatch, NotFound, RegistryUnreachable, UsageError
from ducklake_registry.oci import Descriptor, Manifest, Platform, media_types
from ducklake_registry.reference import Digest, Reference
from ducklake_registry.registry import RegistryClient, Retry, load, save, tls_context
from tests.registry.faults import Request, faulty_server
from tests.registry.images import layer_of, manifest_of, push_image, push_index
from tests.registry.test_interop import need, run

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


def named(client: RegistryClient, repository: str, tag: str = "v1") -> Reference:
    return Reference.parse(f"{client.endpoint.name}/{repository}:{tag}")


def content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isreg()}
        return {name: file.read() for name, file in files.items() if file}


def docker_archive(path: Path, *layers: bytes, names: list[str] | None = None, **config: Any) -> Digest:
    """What engines before 25 save: the second of two equal layers is a link to the first."""
    diff_ids = [Digest.of(layer) for layer in layers]
    raw = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}, **config}
    ).encode()
    name = f"{Digest.of(raw).hex}.json"
    entry = {"Config": name, "RepoTags": names, "Layers": [f"{n}/layer.tar" for n in range(len(layers))]}
    with tarfile.open(path, "w") as tar:
        for number, layer in enumerate(layers):
            if layer in layers[:number]:
                link = tarfile.TarInfo(f"{number}/layer.tar")
                link.type, link.linkname = tarfile.SYMTYPE, f"../{layers.index(layer)}/layer.tar"
                tar.addfile(link)
            else:
                add(tar, f"{number}/layer.tar", layer)
        add(tar, name, raw)
        add(tar, "manifest.json", json.dumps([entry]).encode())
    return Digest.of(raw)


def add(tar: tarfile.TarFile, name: str, raw: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(raw)
    tar.addfile(member, io.BytesIO(raw))


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


class TestInterruptions:
    """A registry that goes away in the middle of a layer of 40 MB."""

    LAYER = os.urandom(1024) * 40 * 1024
    CONFIG = b"{}"

    def registry(self, cut_at: int | None) -> Callable[[Request], None]:
        manifest = manifest_of(self.CONFIG, self.LAYER)

        def behave(request: Request) -> None:
            if "/manifests/" in request.path:
                request.reply(200, manifest.raw, Content_Type=manifest.media_type)
            elif request.path.endswith(manifest.config.digest):
                request.reply(200, self.CONFIG)
            elif cut_at is None:
                start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=")[:-1])
                span = f"bytes {start}-{len(self.LAYER) - 1}/{len(self.LAYER)}"
                request.reply(206 if start else 200, self.LAYER[start:], Content_Range=span)
            elif "range" in request.headers:
                request.cut()
            else:
                request.head(200, Content_Length=str(len(self.LAYER)))
                request.send(self.LAYER[:cut_at])
                request.cut()

        return behave

    @pytest.mark.parametrize("name", ["image.tar", "folder"])
    def test_a_cut_is_gone_on_from(self, tmp_path: Path, name: str) -> None:
        retry = Retry(attempts=2, first_pause=0.01)
        with faulty_server() as server, RegistryClient(server.host, auth=None, timeout=5, retry=retry) as client:
            image = Reference.parse(f"{server.host}/app:v1")
            server.behaviour = self.registry(cut_at=30_000_000)
            with pytest.raises(RegistryUnreachable):
                save(client, image, tmp_path / name)
            assert not (tmp_path / "image.tar").exists(), "a part is never taken for the whole"

            server.behaviour = self.registry(cut_at=None)
            saved = save(client, image, tmp_path / name)

        assert saved.moved < len(self.LAYER) - 20_000_000
        if name == "image.tar":
            assert self.LAYER in content(tmp_path / name).values()
            assert not (tmp_path / "image.tar.partial").exists()
        else:
            assert (tmp_path / name / "blobs/sha256" / Digest.of(self.LAYER).hex).read_bytes() == self.LAYER

    def test_what_a_partial_archive_says_is_not_believed(self, tmp_path: Path) -> None:
        retry = Retry(attempts=2, first_pause=0.01)
        with faulty_server() as server, RegistryClient(server.host, auth=None, timeout=5, retry=retry) as client:
            image = Reference.parse(f"{server.host}/app:v1")
            server.behaviour = self.registry(cut_at=30_000_000)
            with pytest.raises(RegistryUnreachable):
                save(client, image, tmp_path / "image.tar")
            with (tmp_path / "image.tar.partial").open("r+b") as file:
                file.seek(9_000_000)
                file.write(b"?")
            server.behaviour = self.registry(cut_at=None)
            with pytest.raises(DigestMismatch):
                save(client, image, tmp_path / "image.tar")
            saved = save(client, image, tmp_path / "image.tar")

        assert saved.moved == len(self.LAYER)
        assert self.LAYER in content(tmp_path / "image.tar").values()

    def test_the_other_blobs_end_when_one_fails(self, tmp_path: Path) -> None:
        """Without this, a slow layer would be waited for after the command has failed."""
        gone, slow = b"gone", b"s" * 1_000_000
        manifest = manifest_of(self.CONFIG, gone, slow)
        over = threading.Event()

        def behave(request: Request) -> None:
            if "/manifests/" in request.path:
                request.reply(200, manifest.raw, Content_Type=manifest.media_type)
            elif request.path.endswith(Digest.of(slow)):
                request.head(200, Content_Length=str(len(slow)))
                for start in range(0, len(slow), 1000):
                    if over.wait(0.05):
                        break
                    request.send(slow[start : start + 1000])
            else:
                request.error(404, "BLOB_UNKNOWN")

        with faulty_server() as server, RegistryClient(server.host, auth=None, timeout=5) as client:
            server.behaviour = behave
            with pytest.raises(NotFound):
                save(client, Reference.parse(f"{server.host}/app:v1"), tmp_path / "folder")
            over.set()
            [partial] = tmp_path.glob(f"folder/blobs/sha256/{Digest.of(slow).hex}*")
            assert partial.stat().st_size < len(slow)


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
