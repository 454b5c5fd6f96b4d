"""`dlr list-registry-images` against the real registries."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.oci import Descriptor
from tests.registry.images import layer_of, manifest_of, push_image, push_index

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient
    from tests.registry.command import Command
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry

KEYS = ["repository", "tag", "digest", "media_type", "size", "platforms", "created", "problem"]


def test_a_list_tells_all_of_each_image(dlr: Command, client: RegistryClient, repository: str) -> None:
    manifest = push_image(client, repository, "v1")
    index, parts = push_index(client, repository, "multi")

    multi, single = dlr.listed(repository)

    assert list(single) == KEYS
    assert (single["repository"], single["tag"], single["digest"]) == (repository, "v1", manifest.digest)
    assert (single["media_type"], single["size"]) == (manifest.media_type, manifest.size)
    assert (single["platforms"], single["created"]) == (["linux/amd64"], "2024-05-06T07:08:09Z")
    assert multi["platforms"] == ["linux/amd64", "linux/arm64/v8"]
    assert multi["size"] == len(index.raw) + sum(part.size for part in parts)


def test_what_images_share_is_counted_once(dlr: Command, client: RegistryClient, repository: str) -> None:
    layer, diff_id = layer_of("shared" * 1000)
    configs = [
        json.dumps({"os": "linux", "architecture": each, "rootfs": {"diff_ids": [diff_id]}}).encode()
        for each in ("amd64", "arm64")
    ]
    manifests = [manifest_of(config, layer) for config in configs]
    for name in (f"{repository}/a", f"{repository}/b"):
        for tag, manifest, config in zip(("v1", "v2"), manifests, configs, strict=True):
            client.upload_blob(name, config)
            client.upload_blob(name, layer)
            client.put_manifest(name, tag, manifest)

    images = dlr.listed(f"{repository}/*")
    repositories = dlr.listed(f"{repository}/*", "--no-tags")
    table = dlr("list-registry-images", f"{repository}/*").stdout

    assert [each["size"] for each in images] == [manifests[0].size, manifests[1].size] * 2
    once = sum(each.size for each in manifests) - len(layer)
    assert [(each["tags"], each["size"]) for each in repositories] == [(2, once)] * 2
    assert table.splitlines()[-1].startswith("4 images in 2 repositories")
    kilobytes = f"{once / 1000:.1f} kB" if once >= 1000 else f"{once} B"
    assert f"{kilobytes} with each blob counted once" in table


def test_names_alone_need_no_manifest(dlr: Command, plain: RunningRegistry, repository: str) -> None:
    with plain.client() as client:
        push_image(client, repository, "v1")
    before = plain.log.read_text().count("/manifests/")

    [image] = dlr.listed(repository, "--no-details")

    assert (image["tag"], image["digest"], image["size"]) == ("v1", None, None)
    assert plain.log.read_text().count("/manifests/") == before


def test_a_list_is_sorted_and_limited(dlr: Command, client: RegistryClient, repository: str) -> None:
    for number, tag in enumerate(("b", "c", "a")):
        push_image(client, repository, tag, "".join(str(n) for n in range(1000 * number)))

    assert [each["tag"] for each in dlr.listed(repository)] == ["a", "b", "c"]
    assert [each["tag"] for each in dlr.listed(repository, "--sort", "size")] == ["a", "c", "b"]
    assert [each["tag"] for each in dlr.listed(repository, "--sort", "size", "--limit", "1")] == ["a"]
    assert len(dlr.listed(repository, "--sort", "created", "--limit", "2")) == 2
    dlr("list-registry-images", "--sort", "size", "--no-details", code=2)


def test_json_lines_are_the_same_list(dlr: Command, client: RegistryClient, repository: str) -> None:
    push_image(client, repository, "v1")
    push_index(client, repository, "multi")

    lines = dlr("list-registry-images", repository, "-o", "jsonl").stdout.splitlines()

    assert [json.loads(line) for line in lines] == dlr.listed(repository)
    assert yaml.safe_load(dlr("list-registry-images", repository, "-o", "yaml").stdout) == dlr.listed(repository)


def test_a_table_fits_its_screen(dlr: Command, client: RegistryClient, repository: str) -> None:
    from ducklake_registry.display.image_list import lines
    from ducklake_registry.registry import list_images, list_tags
    from ducklake_registry.reports.images import ImageEntry

    push_image(client, repository, "v1")
    [image] = list_images(client, list_tags(client, [repository]))  # type: ignore[list-item]
    platforms = ("linux/arm64/v8",) * 3
    short = ImageEntry(image.repository, image.tag, image.digest, "m", 1_234_567_890, platforms, "2024-05-06")
    long = ImageEntry(f"{'team/' * 12}app", f"v{'1' * 30}", image.digest, problem="broken")  # type: ignore[arg-type]

    written = list(lines([short, long], 80, details=True))

    assert max(map(len, written[:2])) <= 80
    assert any(line.startswith(f"{long.repository}  {long.tag}") for line in written)
    assert written[-1].endswith("✗ broken")


def test_an_empty_registry_has_no_images(dlr: Command, empty: RunningRegistry) -> None:
    done = dlr("list-registry-images", registry=empty.host)

    assert done.stdout == "0 repositories, 0 B with each blob counted once\n"
    assert json.loads(dlr("list-registry-images", "-o", "json", registry=empty.host).stdout) == []


def test_a_repository_without_images_is_told(dlr: Command, client: RegistryClient, repository: str) -> None:
    manifest = push_image(client, repository, "v1")
    client.delete_manifest(repository, manifest.digest)

    assert dlr.listed(repository) == []
    assert "1 empty repository" in dlr("list-registry-images", repository).stdout
    [entry] = dlr.listed(repository, "--no-tags")
    assert (entry["repository"], entry["tags"], entry["size"]) == (repository, 0, 0)


def test_many_repositories_come_in_pages(dlr: Command, empty: RunningRegistry) -> None:
    for number in range(1005):
        folder = empty.storage / f"docker/registry/v2/repositories/a{number:04}"
        for name in ("_layers", "_manifests/tags"):
            (folder / name).mkdir(parents=True)

    entries = json.loads(
        dlr("list-registry-images", "--no-tags", "-o", "json", "--no-details", registry=empty.host).stdout
    )

    assert [entry["repository"] for entry in entries] == [f"a{number:04}" for number in range(1005)]


def test_sick_images_do_not_end_the_list(
    dlr: Command, plain: RunningRegistry, client: RegistryClient, repository: str
) -> None:
    fine = push_image(client, repository, "fine")
    lost = push_image(client, repository, "lost", "its manifest is lost")
    headless = push_image(client, repository, "headless", "its config is lost")
    client.delete_blob(repository, headless.config.digest)
    revision = f"docker/registry/v2/repositories/{repository}/_manifests/revisions/sha256/{lost.digest.hex}/link"
    (plain.storage / revision).unlink()

    images = {each["tag"]: each for each in dlr.listed(repository, code=1)}

    assert images["fine"]["digest"] == fine.digest
    assert images["fine"]["problem"] is None
    assert "nothing is behind the tag" in images["lost"]["problem"]
    assert "config" in images["headless"]["problem"]
    assert images["headless"]["digest"] == headless.digest
    assert "2 problems" in dlr("list-registry-images", repository, code=1).stdout


def test_a_second_list_asks_for_nothing_that_is_known(
    dlr: Command, plain: RunningRegistry, client: RegistryClient, repository: str
) -> None:
    push_image(client, repository, "v1")
    push_index(client, repository, "multi")
    first = dlr.listed(repository)
    blobs = plain.log.read_text().count("/blobs/")

    assert dlr.listed(repository) == first
    assert plain.log.read_text().count("/blobs/") == blobs
    manifests = plain.log.read_text().count("/manifests/")
    assert dlr.listed(repository, "--fixed-tags") == first
    assert plain.log.read_text().count("/manifests/") == manifests

    moved = push_image(client, repository, "v1", "another one")
    assert dlr.listed(repository)[1]["digest"] == moved.digest
    client.delete_manifest(repository, moved.digest)
    assert [each["tag"] for each in dlr.listed(repository)] == ["multi"]


def test_a_broken_cache_is_begun_anew(
    dlr: Command, client: RegistryClient, repository: str, tmp_path: Path
) -> None:
    push_image(client, repository, "v1")
    first = dlr.listed(repository)
    [file] = (tmp_path / "cache").iterdir()

    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE details SET content = replace(content, 'linux', 'gnu')")
    connection.close()
    assert dlr.listed(repository) == first

    file.write_bytes(b"no database " * 1000)
    assert dlr.listed(repository) == first
    assert dlr.listed(repository) == first

    (tmp_path / "file").write_text("no folder")
    dlr.environ["DLR_CACHE_DIR"] = str(tmp_path / "file")
    assert dlr.listed(repository) == first


def test_what_was_lost_since_an_earlier_list_is_found_without_the_cache(
    dlr: Command, client: RegistryClient, repository: str
) -> None:
    _, [amd64, _] = push_index(client, repository, "multi")
    [before] = dlr.listed(repository)
    client.delete_manifest(repository, amd64.digest)

    # Each part would be a request; the help says so.
    assert dlr.listed(repository) == [before]
    [image] = dlr.listed(repository, "--no-cache", code=1)

    assert image["problem"] == "it lists linux/amd64, which is not there"
    assert "--no-cache" in dlr("list-registry-images", "--help").stdout.partition("Options")[0]


def test_an_index_that_lists_what_is_gone_says_so(dlr: Command, client: RegistryClient, repository: str) -> None:
    index, [amd64, _] = push_index(client, repository, "multi")
    assert isinstance(index.manifests[0], Descriptor)
    client.delete_manifest(repository, amd64.digest)

    [image] = dlr.listed(repository, code=1)

    assert image["problem"] == "it lists linux/amd64, which is not there"
    assert image["platforms"] == ["linux/amd64", "linux/arm64/v8"]
