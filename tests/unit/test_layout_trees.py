"""Any tree of manifests comes out of files as it went in, and any damage to it is noticed."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ducklake_registry.errors import DlrError, UsageError
from ducklake_registry.layout import REF_NAME, Image, LayoutArchive, LayoutFolder, gather, opened
from ducklake_registry.oci import Descriptor, Index, Manifest, Platform, media_types
from ducklake_registry.reference import Digest

CONTENT = st.binary(max_size=2000)
PLATFORMS = st.sampled_from([None, Platform("linux", "amd64"), Platform("linux", "arm", "v7")])


class Tree:
    """A tree of manifests in memory; what it consists of is in `blobs` and `manifests`."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.manifests: dict[Digest, Manifest | Index] = {}

    def blob(self, content: bytes, media_type: str) -> Descriptor:
        self.blobs[Digest.of(content)] = content
        return Descriptor.of(content, media_type)

    def keep(self, manifest: Manifest | Index) -> Manifest | Index:
        self.manifests[manifest.digest] = manifest
        return manifest

    def image(self, root: Manifest | Index) -> Image:
        return gather(lambda each: self.manifests[each.digest], root.descriptor, None)


@st.composite
def trees(draw: st.DrawFn) -> tuple[Tree, Image]:
    tree = Tree()

    def node(depth: int) -> Manifest | Index:
        if depth and draw(st.booleans()):
            children = [(node(depth - 1), draw(PLATFORMS)) for _ in range(draw(st.integers(0, 3)))]
            entries = [
                Descriptor(child.media_type, child.digest, len(child.raw), platform)
                for child, platform in children
            ]
            return tree.keep(Index.of(entries, {"depth": str(depth)}))
        config = tree.blob(json.dumps({"n": draw(st.integers(0, 9))}).encode(), media_types.OCI_CONFIG)
        layers = [tree.blob(each, media_types.OCI_LAYER) for each in draw(st.lists(CONTENT, max_size=3))]
        return tree.keep(Manifest.of(config, layers))

    return tree, tree.image(node(2))


def write(files: LayoutFolder | LayoutArchive, tree: Tree, image: Image) -> int:
    """Put an image into files, and tell how many bytes that took."""
    moved = 0
    with files.receiving(image, {REF_NAME: "v1"}) as store:
        for blob in image.blobs:
            if not store.holds(blob):
                with store.incoming(blob) as incoming:
                    done = incoming.resume(hasher := blob.digest.hasher())
                    incoming.write(rest := memoryview(tree.blobs[blob.digest])[done:])
                    hasher.update(rest)
                    assert hasher.hexdigest() == blob.digest.hex
                    incoming.keep()
                    moved += len(rest)
    return moved


def write_part(files: LayoutFolder | LayoutArchive, tree: Tree, image: Image, whole: int) -> int:
    """Put only some blobs into files, and half of the next; tell how many bytes that were."""
    here = 0
    with suppress(KeyboardInterrupt), files.receiving(image, {REF_NAME: "v1"}) as store:
        for number, blob in enumerate(image.blobs):
            with store.incoming(blob) as incoming:
                count = blob.size if number < whole else blob.size // 2
                incoming.write(memoryview(tree.blobs[blob.digest])[:count])
                here += count
                if number == whole:
                    raise KeyboardInterrupt
                incoming.keep()
        raise KeyboardInterrupt
    return here


def read(path: Path) -> tuple[Image, dict[Digest, bytes]]:
    with opened(path) as layout:
        image = gather(layout.manifest, layout.image(), None)
        return image, {blob.digest: layout.part(blob).read() for blob in image.blobs}


def files_in(folder: Path, form: str) -> LayoutFolder | LayoutArchive:
    return LayoutFolder(folder / "layout") if form == "folder" else LayoutArchive(folder / "image.tar")


@pytest.mark.parametrize("form", ["folder", "archive"])
@given(tree_and_image=trees())
@settings(max_examples=40)
def test_a_tree_comes_out_as_it_went_in(form: str, tree_and_image: tuple[Tree, Image]) -> None:
    tree, image = tree_and_image
    with tempfile.TemporaryDirectory() as name:
        files = files_in(Path(name), form)
        moved = write(files, tree, image)
        again = write(files, tree, image)
        found, blobs = read(files.path)

    assert moved == sum(blob.size for blob in image.blobs)
    assert again == 0
    assert [each.raw for each in found.manifests] == [each.raw for each in image.manifests]
    assert blobs == {blob.digest: tree.blobs[blob.digest] for blob in image.blobs}


@pytest.mark.parametrize("form", ["folder", "archive"])
@given(tree_and_image=trees(), left=st.data())
@settings(max_examples=40)
def test_an_interrupted_tree_is_gone_on_with(
    form: str, tree_and_image: tuple[Tree, Image], left: st.DataObject
) -> None:
    tree, image = tree_and_image
    cut_blob = left.draw(st.integers(0, len(image.blobs)))
    with tempfile.TemporaryDirectory() as name:
        files = files_in(Path(name), form)
        here = write_part(files, tree, image, cut_blob)
        with pytest.raises(UsageError):
            read(files.path)
        missing = files.missing(image, {REF_NAME: "v1"})
        moved = write(files, tree, image)
        found, _ = read(files.path)

    assert missing == moved == sum(blob.size for blob in image.blobs) - here
    assert found.root.digest == image.root.digest


@given(content=st.binary(max_size=3000))
def test_whatever_a_file_holds_it_is_no_crash(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "image.tar"
        path.write_bytes(content)
        with pytest.raises(UsageError):
            read(path)


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_a_full_disk_is_told_before_anything_is_moved(form: str, tmp_path: Path) -> None:
    tree = Tree()
    config = tree.blob(b"{}", media_types.OCI_CONFIG)
    huge = Descriptor(media_types.OCI_LAYER, Digest.of(b"huge"), 2**50)
    image = tree.image(tree.keep(Manifest.of(config, [huge])))

    with (
        pytest.raises(DlrError, match="the disk is full") as caught,
        files_in(tmp_path, form).receiving(image, {}),
    ):
        pytest.fail("nothing is to be moved")
    assert f"{2**50 + 2:,} bytes are needed" in str(caught.value.hint)
    assert caught.value.exit_code == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk here that is always full")
def test_a_disk_that_fills_up_is_told(tmp_path: Path) -> None:
    (tmp_path / "image").symlink_to("/dev/full")
    from ducklake_registry.layout.files import telling

    with pytest.raises(DlrError, match="the disk is full"), telling(tmp_path):
        (tmp_path / "image").write_bytes(b"content")
