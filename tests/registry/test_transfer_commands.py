"""`dlr save` and `dlr load`, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.registry.images import push_image, push_index

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ducklake_registry.registry import RegistryClient

    Dlr = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.registry


@pytest.fixture
def dlr(client: RegistryClient, tmp_path: Path) -> Dlr:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ducklake_registry", *words],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DLR_REGISTRY": client.endpoint.name},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_there_and_back(dlr: Dlr, client: RegistryClient, repository: str) -> None:
    index, manifests = push_index(client, repository, "v1")
    blobs = {blob.digest: blob.size for manifest in manifests for blob in manifest.blobs}

    saved = dlr("save", f"{repository}:v1", "image.tar", "-o", "json")
    again = dlr("save", f"{repository}:v1", "image.tar")
    loaded = dlr("load", "image.tar", f"{repository}/copy:v2", "-o", "json")

    assert json.loads(saved.stdout) == {
        "image": f"{client.endpoint.name}/{repository}:v1",
        "digest": index.digest,
        "size": sum(blobs.values()) + len(index.raw) + sum(len(each.raw) for each in manifests),
        "moved": sum(blobs.values()),
    }
    assert again.stdout == f"{index.digest}\n"
    assert "were there" in again.stderr
    assert json.loads(loaded.stdout)["moved"] == sum(blobs.values())
    assert client.manifest(f"{repository}/copy", "v2") == index
    assert "\x1b" not in saved.stderr + loaded.stderr


def test_latest_is_meant_where_nothing_is_said(dlr: Dlr, client: RegistryClient, repository: str) -> None:
    manifest = push_image(client, repository, "latest")

    assert dlr("save", repository, "layout", "--quiet").stderr == ""
    assert dlr("load", "layout", f"{repository}/copy", "--quiet").returncode == 0

    assert client.manifest(f"{repository}/copy", "latest") == manifest


def test_a_dry_run_does_nothing(dlr: Dlr, client: RegistryClient, repository: str, tmp_path: Path) -> None:
    push_image(client, repository, "v1")

    done = dlr("save", f"{repository}:v1", "image.tar", "--dry-run")

    assert done.returncode == 0
    assert "would be moved" in done.stderr
    assert not list(tmp_path.glob("image.tar*"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["save", "{image}:v1", "image.tar.gz"], 2, "write image.tar"),
        (["save", "{image}:v1", "file"], 2, "is no folder"),
        (["save", "{image}:v1", "busy"], 2, "neither empty nor an OCI layout"),
        (["save", "{image}:v1", "file/below/layout"], 2, "cannot write file/below/layout: Not a directory"),
        (["save", "{image}:none", "layout"], 1, "not found"),
        (["save", "{image}:v1", "layout", "--platform", "linux/arm64"], 1, "it is there for linux/amd64"),
        (["save", "{image}:v1", "layout", "--platform", "arm64"], 2, "no platform"),
        (["load", "nowhere.tar", "{image}:v2"], 2, "nowhere.tar is not there"),
        (["load", "file", "{image}:v2"], 2, "file cannot be read"),
        (["load", "busy", "{image}:v2"], 2, "is not there"),
        (["load", "busy", "{image}:UP/x"], 2, "error:"),
    ],
)
def test_what_cannot_be_is_told(
    dlr: Dlr, client: RegistryClient, repository: str, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    push_image(client, repository, "v1")
    (tmp_path / "file").write_text("text")
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "precious").write_text("data")

    done = dlr(*(word.format(image=repository) for word in words))

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["busy", "file"]


def test_a_digest_that_the_files_do_not_have_is_refused(dlr: Dlr, client: RegistryClient, repository: str) -> None:
    push_image(client, repository, "v1")
    dlr("save", f"{repository}:v1", "layout")

    done = dlr("load", "layout", f"{repository}@sha256:{'0' * 64}")

    assert done.returncode == 2
    assert f"not sha256:{'0' * 64}" in done.stderr
