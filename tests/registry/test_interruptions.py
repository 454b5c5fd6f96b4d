"""A registry that goes away while an image is on its way."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import DigestMismatch, NotFound, RegistryUnreachable
from ducklake_registry.reference import Digest, Reference
from ducklake_registry.registry import RegistryClient, Retry, save
from tests.registry.archives import content
from tests.registry.faults import Request, faulty_server
from tests.registry.images import manifest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.registry


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
