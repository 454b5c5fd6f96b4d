"""Building with buildx, of which there is a stand-in here: a script that is called `docker`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.engine import BuildContext, BuildFailed, BuildOptions, build_with_buildx, check_buildx
from ducklake_registry.errors import EngineError
from ducklake_registry.reference import Digest
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


def test_what_is_asked_for_reaches_buildx(programs: Path, context: BuildContext) -> None:
    options = BuildOptions({"WHO": "me"}, "first", True, True, ("linux/amd64", "linux/arm64"))
    lines: list[str] = []
    names = ["localhost:5000/app:v1", "localhost:5000/app:latest"]
    assert build_with_buildx(context, options, {"a": "b"}, names, lines.append, push=True) == DIGEST
    words = json.loads((programs / "words").read_text())
    assert lines == ["#5 RUN something"]
    assert words[:4] == ["buildx", "build", "--progress=plain", "--push"]
    assert words[6:] == [
        *("--no-cache", "--pull", "--file", str(context.dockerfile), "--target", "first"),
        *("--platform", "linux/amd64,linux/arm64", "--build-arg", "WHO=me", "--label", "a=b"),
        *("--tag", names[0], "--tag", names[1], str(context.folder)),
    ]


def test_without_a_push_it_is_loaded(programs: Path, context: BuildContext) -> None:
    assert build_with_buildx(context, BuildOptions(), {}, ["app:v1"], silent, push=False) is None
    assert "--load" in json.loads((programs / "words").read_text())


def test_a_build_that_fails(programs: Path, context: BuildContext) -> None:
    with pytest.raises(BuildFailed, match="failed to solve: exit code: 3") as caught:
        build_with_buildx(context, BuildOptions(target="fail"), {}, ["app:v1"], silent, push=True)
    assert "#5 RUN something" in caught.value.details


def test_buildx_is_there_or_it_is_said(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_buildx().endswith("v0.20.0")
    (programs / "docker").write_text("#!/bin/sh\necho \"docker: 'buildx' is not a docker command.\" >&2\nexit 1\n")
    with pytest.raises(EngineError, match="'buildx' is not a docker command"):
        check_buildx()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineError, match="`docker` is not installed"):
        check_buildx()
