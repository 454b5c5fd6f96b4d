"""`dlr list-registry-images`, `inspect` and `delete-image`, against the real registries."""

from __future__ import annotations

import base64
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from ducklake_registry.cli.main import app
from ducklake_registry.cluster.pods import RunningImage
from ducklake_registry.errors import NotFound
from ducklake_registry.oci import Descriptor, Index, Platform
from ducklake_registry.reference import Digest, Reference
from ducklake_registry.workflows.delete_images import DeleteImages
from tests.registry import programs
from tests.registry.images import layer_of, manifest_of, push_image, push_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient
    from tests.registry.faults import Faulty
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry

KEYS = ["repository", "tag", "digest", "media_type", "size", "platforms", "created", "problem"]


@dataclass(frozen=True)
class Command:
    """`dlr` with a registry, a cache and a home of the test's own."""

    registry: str
    environ: dict[str, str]

    def __call__(self, *words: str, code: int = 0, registry: str = "", text: str | None = None) -> Any:
        environ = self.environ | {"DLR_REGISTRY": registry or self.registry}
        done = CliRunner().invoke(app, list(words), env=environ, input=text)
        assert done.exit_code == code, done.output + repr(done.exception)
        return done

    def listed(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self("list-registry-images", *words, "-o", "json", code=code).stdout
        )
        return found


@pytest.fixture
def dlr(plain: RunningRegistry, tmp_path: Path) -> Command:
    return Command(
        plain.host,
        {
            "HOME": str(tmp_path),
            "DOCKER_CONFIG": str(tmp_path / "docker"),
            "DLR_CACHE_DIR": str(tmp_path / "cache"),
            "KUBECONFIG": str(tmp_path / "kubeconfig"),
            "COLUMNS": "80",
        },
    )


@pytest.fixture
def empty(release: str, tmp_path: Path) -> Iterator[RunningRegistry]:
    with programs.running(release, tmp_path) as registry:
        yield registry


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


def test_an_image_from_near(dlr: Command, client: RegistryClient, repository: str) -> None:
    layer, diff_id = layer_of("content")
    config = {
        **Platform("linux", "amd64").to_json(),
        "created": "2024-05-06T07:08:09Z",
        "config": {
            "Entrypoint": ["/bin/app", "a b"],
            "Cmd": ["serve"],
            "Env": ["A=1"],
            "User": "1000",
            "WorkingDir": "/srv",
            "ExposedPorts": {"80/tcp": {}},
            "Labels": {"team": "ducks"},
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": "COPY app /"}, {"created_by": "ENV A=1", "empty_layer": True}],
    }
    raw = json.dumps(config).encode()
    client.upload_blob(repository, raw)
    client.upload_blob(repository, layer)
    manifest = manifest_of(raw, layer)
    client.put_manifest(repository, "v1", manifest)
    client.upload_blob(repository, b"{}")
    signature = manifest_of(b"{}", artifactType="application/x-sign", subject=manifest.descriptor.to_json())
    client.put_manifest(repository, None, signature)

    found = json.loads(dlr("inspect", f"{repository}:v1", "-o", "json").stdout)
    table = dlr("inspect", f"{repository}:v1").stdout

    assert (found["digest"], found["size"]) == (manifest.digest, manifest.size)
    assert found["platforms"] == ["linux/amd64"]
    assert found["config"]["entrypoint"] == ["/bin/app", "a b"]
    assert (found["config"]["user"], found["config"]["working_dir"]) == ("1000", "/srv")
    assert found["layers"][0] | {"size": 0} == {
        "digest": Digest.of(layer),
        "media_type": manifest.layers[0].media_type,
        "size": 0,
        "command": "COPY app /",
    }
    assert [each["artifact_type"] for each in found["referrers"]] == ["application/x-sign"]
    for text in ("/bin/app 'a b'", "A=1", "80/tcp", "team=ducks", "COPY app /", "application/x-sign"):
        assert text in table
    assert manifest.digest in table
    assert max(map(len, table.splitlines())) <= 80


def test_an_index_from_near(dlr: Command, client: RegistryClient, repository: str) -> None:
    index, [amd64, arm64] = push_index(client, repository, "multi")

    found = yaml.safe_load(dlr("inspect", f"{repository}:multi", "-o", "yaml").stdout)
    part = json.loads(dlr("inspect", f"{repository}:multi", "--platform", "linux/arm64", "-o", "json").stdout)

    assert [each["digest"] for each in found["manifests"]] == [amd64.digest, arm64.digest]
    assert (found["config"], found["size"]) == (None, None)
    assert part["digest"] == arm64.digest
    assert dlr("inspect", f"{repository}:multi", "--raw").stdout_bytes == index.raw
    raw = dlr("inspect", f"{repository}@{index.digest}", "--raw", "--platform", "linux/amd64").stdout_bytes
    assert raw == amd64.raw
    missing = dlr("inspect", f"{repository}:multi", "--platform", "linux/s390x", code=1)
    assert "linux/arm64/v8" in missing.stderr


def test_a_deletion_shows_first_what_would_go(dlr: Command, client: RegistryClient, repository: str) -> None:
    index, [amd64, _] = push_index(client, repository, "multi")
    client.put_manifest(repository, "v1", amd64)
    client.put_manifest(repository, "stable", amd64)

    shown = dlr("delete-image", f"{repository}:v1", "--dry-run")
    refused = dlr("delete-image", f"{repository}:v1", code=2)

    assert amd64.digest in shown.stdout
    assert "also as   stable" in shown.stdout
    assert "listed by multi" in shown.stdout
    assert "which pods run it is not known" in shown.stderr
    assert "--yes" in refused.stderr
    assert sorted(client.tags(repository)) == ["multi", "stable", "v1"]

    dlr("delete-image", f"{repository}:v1", "--yes")
    assert client.tags(repository) == ["multi"]
    assert "not there" in dlr.listed(repository, code=1)[0]["problem"]
    assert client.manifest(repository, "multi").digest == index.digest


def test_a_tag_alone_is_deleted_where_that_can_be(
    dlr: Command, client: RegistryClient, repository: str, release: str
) -> None:
    manifest = push_image(client, repository, "v1")
    client.put_manifest(repository, "v2", manifest)

    done = dlr("delete-image", f"{repository}:v1", "--tag-only", "--yes", code=4 if release == "2.8" else 0)

    if release == "2.8":
        assert "cannot delete a tag alone" in done.stderr
    assert sorted(client.tags(repository)) == (["v1", "v2"] if release == "2.8" else ["v2"])
    dlr("delete-image", f"{repository}@{manifest.digest}", "--tag-only", "--yes", code=2)


def test_what_an_index_lists_is_shown_and_stays(
    dlr: Command, client: RegistryClient, repository: str, release: str
) -> None:
    _, [amd64, arm64] = push_index(client, repository, "multi")
    client.put_manifest(repository, "amd64", amd64)

    shown = dlr("delete-image", f"{repository}:multi", "--dry-run").stdout.splitlines()
    both = dlr("delete-image", f"{repository}:multi", f"{repository}:amd64", "--dry-run").stdout
    tag_only = dlr("delete-image", f"{repository}:multi", "--tag-only", "--dry-run").stdout

    assert "  stays     linux/amd64, found by amd64" in shown
    assert "  stays     linux/arm64/v8, in no list (--with-platforms deletes it)" in shown
    assert {f"    {amd64.digest}", f"    {arm64.digest}"} < set(shown)
    assert max(map(len, shown[1:])) <= 80
    assert both.count(amd64.digest) == 1, "it is deleted itself"
    assert ("linux/arm64/v8" in both, "linux/amd64" in both) == (True, False)
    assert "linux/" not in tag_only, "the index stays, and lists them"

    dlr("delete-image", f"{repository}:multi", "--yes")
    assert client.manifest(repository, arm64.digest) == arm64


def test_with_its_platforms_an_index_takes_along_what_nothing_else_lists(
    dlr: Command, client: RegistryClient, repository: str
) -> None:
    index, [amd64, arm64] = push_index(client, repository, "multi")
    other = Index.of([index.manifests[0]])
    client.put_manifest(repository, "other", other)
    words = ("delete-image", f"{repository}:multi", "--with-platforms")

    shown = dlr(*words, "--dry-run").stdout.splitlines()
    assert "  stays     linux/amd64, found by other" in shown
    assert "  goes too  linux/arm64/v8" in shown
    assert client.manifest(repository, arm64.digest) == arm64, "it was only shown"

    dlr(*words, "--yes")
    assert client.tags(repository) == ["other"]
    assert client.manifest(repository, amd64.digest) == amd64
    with pytest.raises(NotFound):
        client.manifest(repository, arm64.digest)

    # The last one that lists it, by its digest; and what is gone already keeps nobody from the rest.
    push_index(client, repository, "again")
    client.delete_manifest(repository, arm64.digest)
    dlr("delete-image", f"{repository}:again", f"{repository}@{other.digest}", "--with-platforms", "--yes")
    with pytest.raises(NotFound):
        client.manifest(repository, amd64.digest)
    dlr(*words, "--tag-only", code=2)


def test_an_index_without_a_tag_has_its_platforms_too(
    dlr: Command, client: RegistryClient, repository: str, release: str
) -> None:
    index, [amd64, _] = push_index(client, repository, "multi")
    client.put_manifest(repository, "multi", amd64)

    shown = dlr("delete-image", f"{repository}@{index.digest}", "--with-platforms", "--dry-run").stdout
    assert "stays     linux/amd64, found by multi" in shown
    assert "goes too  linux/arm64/v8" in shown


def test_a_platform_that_a_terminal_would_obey_is_shown(
    dlr: Command, client: RegistryClient, repository: str
) -> None:
    image = push_image(client, repository, None)
    hostile = Descriptor(image.media_type, image.digest, len(image.raw), Platform("linux\x1b[2J\n", "amd64"))
    client.put_manifest(repository, "multi", Index.of([hostile]))

    shown = dlr("delete-image", f"{repository}:multi", "--dry-run").stdout
    assert "stays     linux\\x1b[2J /amd64, in no list" in shown


@pytest.mark.parametrize("tag_only", [False, True])
def test_pods_are_named_however_they_name_the_image(
    client: RegistryClient, repository: str, tag_only: bool
) -> None:
    manifest = push_image(client, repository, "latest")
    registry = client.endpoint.name
    [doomed] = DeleteImages(client, [Reference.parse(f"{registry}/{repository}:latest")], tag_only).find(print)

    def users(image: str, digest: str = "") -> int:
        return len(doomed.users([RunningImage("default", "pod", image, digest)]))

    assert users(f"{registry}/{repository}") == 1, "without a tag it is latest"
    assert users(f"{registry}/{repository}:latest") == 1
    assert users(f"docker-registry.storage.svc.cluster.local:5000/{repository}") == 1
    assert users(f"{registry}/{repository}:v1") == 0
    assert users(f"{registry}/{repository}:v1", manifest.digest) == (0 if tag_only else 1)
    assert users(repository) == 0, "this is Docker Hub's"


def test_pods_that_run_the_index_are_named_when_a_platform_goes(client: RegistryClient, repository: str) -> None:
    """The node notes the index's digest, whichever platform it runs."""
    index, [amd64, _] = push_index(client, repository, "multi")
    client.put_manifest(repository, "amd64", amd64)
    registry = client.endpoint.name
    [doomed] = DeleteImages(client, [Reference.parse(f"{registry}/{repository}:amd64")]).find(print)
    running = [
        RunningImage("default", "runs", f"{registry}/{repository}:multi", index.digest),
        RunningImage("default", "starts", f"{registry}/{repository}:multi", ""),
        RunningImage("default", "pinned", f"{registry}/{repository}@{index.digest}", ""),
        RunningImage("default", "another", f"{registry}/{repository}:v1", ""),
    ]
    assert [each.pod for each in doomed.users(running)] == ["runs", "starts", "pinned"]


def test_what_refers_to_an_image_leaves_its_list_when_it_is_deleted(
    dlr: Command, client: RegistryClient, repository: str
) -> None:
    image = push_image(client, repository, "v1")
    client.upload_blob(repository, b"{}")
    made = [
        manifest_of(b"{}", artifactType=f"application/x-{name}", subject=image.descriptor.to_json())
        for name in ("signature", "sbom")
    ]
    for each in made:
        client.put_manifest(repository, None, each)

    def referrers() -> list[str]:
        found = json.loads(dlr("inspect", f"{repository}:v1", "-o", "json").stdout)
        return [each["digest"] for each in found["referrers"]]

    assert referrers() == [each.digest for each in made]
    for gone, left in ((0, [made[1].digest]), (1, [])):
        word = f"{repository}@{made[gone].digest}"
        assert "listed by" not in dlr("delete-image", word, "--dry-run").stdout, "it is taken off that list"
        dlr("delete-image", word, "--yes")
        assert referrers() == left
    assert client.tags(repository) == ["v1"], "no list of nothing is left"


def test_several_images_are_deleted_each_once(dlr: Command, client: RegistryClient, repository: str) -> None:
    same, other = push_image(client, repository, "v1"), push_image(client, repository, "v3", "other")
    client.put_manifest(repository, "v2", same)

    dlr("delete-image", *(f"{repository}:{tag}" for tag in ("v1", "v2")), f"{repository}@{other.digest}", "--yes")

    assert client.tags(repository) == []


def test_a_refused_deletion_tells_which_of_two_reasons(
    dlr: Command, client: RegistryClient, repository: str, frozen: tuple[RunningRegistry, RunningRegistry]
) -> None:
    push_image(client, repository, "v1")
    readonly, undeletable = frozen
    words = ("delete-image", f"{repository}:v1", "--yes")

    assert "maintenance.readonly" in dlr(*words, code=4, registry=readonly.host).stderr
    assert "storage.delete.enabled" in dlr(*words, code=4, registry=undeletable.host).stderr
    assert client.tags(repository) == ["v1"]


def test_what_is_not_there_is_told(dlr: Command, repository: str) -> None:
    for words in (
        ("inspect", f"{repository}:v1"),
        ("delete-image", f"{repository}:v1", "--yes"),
        ("list-registry-images", repository),
    ):
        told = dlr(*words, code=1).stderr
        assert told.startswith("error: not found")
        assert "hint: list what there is" in told


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("inspect", "Team/App:v1"), 2),
        (("inspect", "app@sha256:123"), 2),
        (("inspect", "app:-v1"), 2),
        (("inspect", ""), 2),
        (("inspect", "app", "--platform", "linux"), 2),
        (("inspect", "no.such.host.invalid/app:v1"), 2),
        (("inspect", "localhost:1/app:v1"), 4),
        (("delete-image", "app"), 2),
        (("delete-image", "a.example/app:v1", "b.example/app:v1"), 2),
        (("list-registry-images", "Team/*"), 2),
        (("list-registry-images", "--registry", "localhost:99999"), 2),
        (("list-registry-images", "--username", "me"), 2),
        (("list-registry-images", "--key", "key.pem"), 2),
        (("list-registry-images", "--ca-file", "nowhere.pem"), 2),
    ],
)
def test_bad_input_gets_a_line_and_a_hint(dlr: Command, words: tuple[str, ...], code: int) -> None:
    done = dlr(*words, code=code)

    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert done.stdout == ""


def test_the_password_comes_over_stdin(dlr: Command, with_password: RunningRegistry) -> None:
    with with_password.client(auth=programs_credentials()) as client:
        push_image(client, "secret/app", "v1")
    words = ("list-registry-images", "--registry", with_password.host)

    assert "docker login" in dlr(*words, code=4).stderr
    done = dlr(*words, "--username", programs.USER, "--password-stdin", text=f"{programs.PASSWORD}\n")
    assert "secret/app" in done.stdout
    assert programs.PASSWORD not in done.output


class TestWhoAsksAnotherRegistry:
    """The password that was set for --registry is for nobody else."""

    WHO = ("--username", programs.USER, "--password-stdin")

    @pytest.fixture
    def other(self, proxy: Faulty) -> Faulty:
        proxy.behaviour = lambda request: request.reply(401, WWW_Authenticate='Basic realm="other"')
        return proxy

    def asked_with(self, other: Faulty) -> set[str | None]:
        return {request.headers.get("authorization") for request in other.requests}

    def test_nobody_that_was_named_for_ours(self, dlr: Command, other: Faulty) -> None:
        done = dlr("inspect", f"{other.host}/app:v1", *self.WHO, code=4, text=f"{programs.PASSWORD}\n")

        assert f"docker login {other.host}" in done.stderr
        assert self.asked_with(other) == {None}

    def test_whom_docker_is_logged_in_as(self, dlr: Command, other: Faulty, tmp_path: Path) -> None:
        encoded = base64.b64encode(b"theirs:theirs").decode()
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {other.host: {"auth": encoded}}}))

        dlr("inspect", f"{other.host}/app:v1", *self.WHO, code=4, text=f"{programs.PASSWORD}\n")

        assert self.asked_with(other) == {None, f"Basic {encoded}"}

    @pytest.mark.parametrize("named", [True, False], ids=["by both", "by the image alone"])
    def test_who_was_named_where_the_image_is(
        self, dlr: Command, with_password: RunningRegistry, repository: str, named: bool
    ) -> None:
        with with_password.client(auth=programs_credentials()) as client:
            manifest = push_image(client, repository, "v1")
        dlr = Command(with_password.host if named else "", dlr.environ)

        done = dlr("inspect", f"{with_password.host}/{repository}:v1", *self.WHO, text=f"{programs.PASSWORD}\n")

        assert manifest.digest in done.stdout


def programs_credentials() -> Any:
    from ducklake_registry.registry import Credentials

    return Credentials(programs.USER, programs.PASSWORD)


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
