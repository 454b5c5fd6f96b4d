"""Building with buildx, of which there is a stand-in here: a script that is called `docker`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.engine import (
    BuildContext,
    BuildFailed,
    BuildOptions,
    ConnectionBroken,
    check_buildx,
    load_with_buildx,
    push_with_buildx,
)
from ducklake_registry.errors import EngineError
from ducklake_registry.reference import Digest, Reference
from ducklake_registry.step import silent

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = Digest.of(b"pushed")

SCRIPT = """#!/usr/bin/env python3
import json, pathlib, sys
words = sys.argv[1:]
if words == ["buildx", "version"]:
    print("github.com/docker/buildx v0.20.0")
    raise SystemExit
pathlib.Path(__file__).with_name("words").write_text(json.dumps(words))
print("#5 RUN something", file=sys.stderr)
if "fail" in words:
    raise SystemExit("ERROR: failed to solve: exit code: 3")
if "--push" in words:
    metadata = words[words.index("--metadata-file") + 1]
    pathlib.Path(metadata).write_text(json.dumps({"containerimage.digest": "%s"}))
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder := tmp_path / "bin").mkdir()
    (folder / "docker").write_text(SCRIPT % DIGEST)
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return BuildContext.of(tmp_path)


TARGETS = [Reference.parse("localhost:5000/app:v1"), Reference.parse("localhost:5000/app:latest")]


def test_what_is_asked_for_reaches_buildx(programs: Path, context: BuildContext) -> None:
    options = BuildOptions({"WHO": "me"}, "first", True, True, ("linux/amd64", "linux/arm64"))
    lines: list[str] = []
    assert push_with_buildx(context, options, {"a": "b"}, TARGETS, {}, lines.append) == DIGEST
    words = json.loads((programs / "words").read_text())
    assert lines == ["#5 RUN something"]
    assert words[:4] == ["buildx", "build", "--progress=plain", "--push"]
    assert words[6:] == [
        *("--no-cache", "--pull", "--file", str(context.dockerfile), "--target", "first"),
        *("--platform", "linux/amd64,linux/arm64", "--build-arg", "WHO=me", "--label", "a=b"),
        *("--tag", str(TARGETS[0]), "--tag", str(TARGETS[1]), str(context.folder)),
    ]


def test_without_a_push_it_is_loaded(programs: Path, context: BuildContext) -> None:
    load_with_buildx(context, BuildOptions(), {}, ["app:v1"], silent)
    assert "--load" in json.loads((programs / "words").read_text())


def test_a_build_that_fails(programs: Path, context: BuildContext) -> None:
    with pytest.raises(BuildFailed, match="the build failed: failed to solve: exit code: 3") as caught:
        push_with_buildx(context, BuildOptions(target="fail"), {}, TARGETS, {}, silent)
    assert "#5 RUN something" in caught.value.details


def test_a_push_that_fails_is_told_as_the_engines_own(programs: Path, context: BuildContext) -> None:
    said = "dial tcp 127.0.0.1:5000: connect: connection refused"
    (programs / "docker").write_text(
        f"#!/bin/sh\necho 'ERROR: failed to push localhost:5000/app:v1: {said}' >&2; exit 1\n"
    )
    with pytest.raises(ConnectionBroken, match=said):
        push_with_buildx(context, BuildOptions(), {}, TARGETS, {}, silent)


def test_a_builder_for_one_platform_only(programs: Path, context: BuildContext) -> None:
    said = "ERROR: failed to build: Multi-platform build is not supported for the docker driver."
    (programs / "docker").write_text(f"#!/bin/sh\nprintf '{said}\nLearn more at some address\n' >&2; exit 1\n")
    with pytest.raises(BuildFailed, match="failed: Multi-platform build is not supported") as caught:
        push_with_buildx(context, BuildOptions(), {}, TARGETS, {}, silent)
    assert "docker buildx create" in str(caught.value.hint)


def test_a_login_reaches_buildx_beside_the_users_own_and_is_gone_afterwards(
    programs: Path, context: BuildContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own := tmp_path / "docker").mkdir()
    (own / "cli-plugins").mkdir()
    before = json.dumps({"credsStore": "none", "auths": {"other": {"auth": "eDp5"}}, "currentContext": "mine"})
    (own / "config.json").write_text(before)
    monkeypatch.setenv("DOCKER_CONFIG", str(own))
    note = "import os, shutil\nshutil.copytree(os.environ['DOCKER_CONFIG'], %r, symlinks=True)\n"
    text = (programs / "docker").read_text()
    (programs / "docker").write_text(text.replace("words = ", note % str(tmp_path / "seen") + "words = ", 1))
    login = {"username": "dev", "password": "secret", "serveraddress": "localhost:5000"}
    push_with_buildx(context, BuildOptions(), {}, TARGETS, login, silent)
    assert json.loads((tmp_path / "seen" / "config.json").read_text()) == {
        "credsStore": "none",
        "auths": {"other": {"auth": "eDp5"}, "localhost:5000": {"auth": "ZGV2OnNlY3JldA=="}},
        "currentContext": "mine",
        "credHelpers": {"localhost:5000": ""},
    }
    assert (tmp_path / "seen" / "cli-plugins").readlink() == own / "cli-plugins"
    assert (own / "config.json").read_text() == before
    assert "secret" not in (programs / "words").read_text()


def test_buildx_is_there_or_it_is_said(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_buildx().endswith("v0.20.0")
    (programs / "docker").write_text("#!/bin/sh\necho \"docker: 'buildx' is not a docker command.\" >&2\nexit 1\n")
    with pytest.raises(EngineError, match="'buildx' is not a docker command"):
        check_buildx()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineError, match="`docker` is not installed"):
        check_buildx()
