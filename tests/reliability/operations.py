"""Commands that are disturbed, each with what has to be so after it ended well, and after it did not."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from tests.docker_command import docker, forget_images
from tests.registry.images import manifest_of
from tests.reliability.experiment import Lost
from tests.reliability.proxy import Way

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient
    from tests.reliability.site import Ended, Site

IMAGE = "steady/app"
"""An image that is in the registry from the beginning."""
SIZES = (60_000, 500_000, 1_500_000)
"""Bytes of its layers."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A command. `check` is given how it ended, and raises Lost unless all of what it did is there.

    `check_half` raises Lost where it ended badly and something half is taken for whole. `pushed` is what is in
    the registry after it, `clean` takes away what it left.
    """

    name: str
    words: tuple[str, ...]
    check: Callable[[Ended], None]
    check_half: Callable[[], None]
    pushed: tuple[str, str] | None = None
    clean: Callable[[], None] = lambda: None


Make = Callable[["Site", str, "Random"], Operation]
"""Makes the operation of one trial, which has a name that no other has."""

Traffic = dict[str, dict[Way, int]]
"""Bytes each way, by the names of operations."""


def fill(site: Site, random: Random) -> None:
    """Put the image into the registry, and some small ones beside it."""
    with site.registry.client() as client:
        _push(client, IMAGE, b'{"os":"linux","architecture":"amd64"}', [*map(random.randbytes, SIZES)])
        for number in range(20):
            config = b'{"os":"linux","architecture":"arm64","config":{"User":"%d"}}' % number
            _push(client, f"steady/small{number}", config, [])


def _push(client: RegistryClient, repository: str, config: bytes, layers: list[bytes]) -> None:
    for blob in (config, *layers):
        client.upload_blob(repository, blob)
    client.put_manifest(repository, "v1", manifest_of(config, *layers))


def traffic(site: Site, makes: tuple[Make, ...]) -> Traffic:
    """Return how many bytes each operation moves where nothing is broken."""
    found: Traffic = {}
    for make in makes:
        operation = make(site, f"undisturbed{len(found)}", Random(len(found)))
        site.proxy.begin()
        ended = site.dlr(*operation.words)
        assert ended.well, ended.stderr
        operation.check(ended)
        found[operation.name] = dict(site.proxy.passed)
        operation.clean()
    return found


def save(site: Site, trial: str, _random: Random, *, archive: bool) -> Operation:
    target = site.folder / (f"{trial}.tar" if archive else trial)
    digest = site.image_in_registry(IMAGE, "v1")

    def check(_: Ended) -> None:
        if (found := saved(target)) != digest:
            raise Lost(f"{target} holds {found or 'nothing'}, not {digest}")

    return Operation(
        "save, archive" if archive else "save, folder",
        ("save", f"{IMAGE}:v1", str(target), "--quiet"),
        check,
        lambda: _same_or_nothing(saved(target), digest),
        clean=partial(_remove, target),
    )


def load(site: Site, trial: str, random: Random) -> Operation:
    """The layers are new ones, or the registry would have them."""
    source = site.folder / f"{trial}-source"
    digest = write_layout(source, random)
    place = (f"loaded/{trial}", "v1")
    return Operation(
        "load",
        ("load", str(source), f"loaded/{trial}:v1", "--quiet"),
        lambda _: _same(site.image_in_registry(*place), digest),
        lambda: _same_or_nothing(site.image_in_registry(*place), digest),
        pushed=place,
        clean=partial(_remove, source),
    )


def listing(site: Site, _trial: str, _random: Random) -> Operation:
    words = ("list-registry-images", "steady/*", "-o", "json", "--quiet")
    return _looking(site, "list", words)


def inspecting(site: Site, _trial: str, _random: Random) -> Operation:
    return _looking(site, "inspect", ("inspect", f"{IMAGE}:v1", "-o", "json"))


def build_and_push(site: Site, trial: str, random: Random) -> Operation:
    folder = site.folder / trial
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY content /content\nCOPY more /more\n")
    (folder / "content").write_bytes(random.randbytes(SIZES[2]))
    (folder / "more").write_bytes(random.randbytes(SIZES[1]))
    image = f"built/{trial}"

    def check(ended: Ended) -> None:
        _same(site.image_in_registry(image, "v1"), ended.stdout.strip().partition("@")[2])

    def check_half() -> None:
        site.image_in_registry(image, "v1")  # raises where it is there, but not whole

    return Operation(
        "build-and-push",
        ("build-and-push", str(folder), "--image", image, "--tag", "v1", "--quiet"),
        check,
        check_half,
        pushed=(image, "v1"),
        clean=partial(_forget, site, image, folder),
    )


def pull(site: Site, trial: str, random: Random) -> Operation:
    """An image that the engine has never seen."""
    image = f"pulled/{trial}"
    source = site.folder / f"{trial}-source"
    digest = write_layout(source, random, real=True)
    done = site.dlr("load", str(source), f"{image}:v1", "--quiet")
    assert done.well, done.stderr
    place = f"{site.proxy.host}/{image}"

    def check(_: Ended) -> None:
        names = docker("image", "inspect", "--format", "{{.RepoDigests}}", f"{place}:v1", check=False)
        if f"{place}@{digest}" not in names:
            raise Lost(f"the engine has no {place}:v1 with {digest}")

    def check_half() -> None:
        if docker("images", "--quiet", f"{place}:v1"):
            raise Lost(f"the engine has {place}:v1, but pulling it failed")

    return Operation(
        "pull-from-registry",
        ("pull-from-registry", f"{image}:v1", "--quiet"),
        check,
        check_half,
        clean=partial(_forget, site, image, source),
    )


def write_layout(folder: Path, random: Random, *, real: bool = False) -> str:
    """Write an OCI image layout of new layers and return the image's digest; `real` is one that engines take."""
    layers = [_tar(folder, random.randbytes(size)) if real else random.randbytes(size) for size in SIZES]
    diffs = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diffs}}
    raw = json.dumps(config).encode()
    document = json.loads(manifest_of(raw, *layers).raw)
    for layer in document["layers"]:
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar"
    manifest = json.dumps(document).encode()
    (folder / "blobs/sha256").mkdir(parents=True)
    for blob in (raw, manifest, *layers):
        (folder / "blobs/sha256" / hashlib.sha256(blob).hexdigest()).write_bytes(blob)
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    entry = {"mediaType": document["mediaType"], "digest": digest, "size": len(manifest)}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return digest


def saved(target: Path) -> str:
    """Return the digest of the image in a folder or an archive, every byte compared; "" where there is none.

    Raises Lost where a part of it is not what its name says.
    """
    files = _files(target)
    for name, content in files.items():
        kind, _, digest = name.rpartition("/")
        if kind == "blobs/sha256" and "." not in digest and hashlib.sha256(content).hexdigest() != digest:
            raise Lost(f"{target}/{name} is {len(content)} bytes of something else")
    if "index.json" not in files:
        return ""
    [entry] = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(files.get(_blob(entry)) or '{"config": {"digest": "the manifest"}, "layers": []}')
    for blob in (entry, manifest["config"], *manifest["layers"]):
        if len(files.get(_blob(blob), b"")) != blob.get("size"):
            raise Lost(f"{target} lists {blob['digest']}, which is not there, or not all of it")
    return str(entry["digest"])


def _files(target: Path) -> dict[str, bytes]:
    if target.is_dir():
        return {str(each.relative_to(target)): each.read_bytes() for each in target.rglob("*") if each.is_file()}
    if not target.exists():
        return {}
    with tarfile.open(target) as archive:
        members = [(each.name, archive.extractfile(each)) for each in archive if each.isfile()]
        return {name: member.read() for name, member in members if member}


def _blob(descriptor: dict[str, str]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _looking(site: Site, name: str, words: tuple[str, ...]) -> Operation:
    """A command that changes nothing: it must show what it shows undisturbed."""
    site.proxy.begin()
    expected = site.dlr(*words)
    assert expected.well, expected.stderr

    def check(ended: Ended) -> None:
        if ended.stdout != expected.stdout:
            raise Lost(f"it shows {ended.stdout[:200]!r}, not {expected.stdout[:200]!r}")

    return Operation(name, words, check, lambda: None)


def _same(found: str, wanted: str) -> None:
    if found != wanted or not wanted:
        raise Lost(f"there is {found or 'nothing'}, not {wanted}")


def _same_or_nothing(found: str, wanted: str) -> None:
    if found:
        _same(found, wanted)


def _tar(folder: Path, content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo(folder.name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def _remove(target: Path) -> None:
    for each in target.parent.glob(f"{target.name}*"):
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def _forget(site: Site, image: str, folder: Path) -> None:
    """Take an image's names from the engine, and its files."""
    shutil.rmtree(folder, ignore_errors=True)
    forget_images(image)
