"""What `dlr list-registry-images`, `inspect` and `delete-image` have in common, and `inspect` itself."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ducklake_registry.oci import Platform
from ducklake_registry.reference import Digest
from tests.registry import programs
from tests.registry.command import Command
from tests.registry.images import layer_of, manifest_of, push_image, push_index

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient
    from tests.registry.faults import Faulty
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


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
