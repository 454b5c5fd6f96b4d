from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ducklake_registry.errors import InvalidAnswer, UsageError
from ducklake_registry.oci import Descriptor, ImageConfig, Index, Manifest, Platform, media_types, parse_manifest
from ducklake_registry.reference import Digest

BLOB = Descriptor.of(b"blob", media_types.OCI_LAYER_GZIP)
CONFIG = Descriptor.of(b"{}", media_types.OCI_CONFIG)


def document(**fields: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "config": CONFIG.to_json(), "layers": [BLOB.to_json()], **fields}


def parse(fields: Any, content_type: str = "") -> Manifest | Index:
    return parse_manifest(json.dumps(fields).encode(), content_type)


@pytest.mark.parametrize("media_type", [media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST])
@pytest.mark.parametrize("where", ["document", "content type"])
def test_the_type_may_be_said_in_two_places(media_type: str, where: str) -> None:
    if where == "document":
        manifest = parse(document(mediaType=media_type))
    else:
        manifest = parse(document(), f"{media_type}; charset=utf-8")

    assert isinstance(manifest, Manifest)
    assert manifest.media_type == media_type
    assert manifest.blobs == (CONFIG, BLOB)


def test_a_digest_is_over_the_bytes_as_they_came() -> None:
    raw = json.dumps(document(), indent=7).encode() + b"\n"

    assert parse_manifest(raw).digest == Digest.of(raw)


def test_an_index_tells_its_platforms() -> None:
    entry = Descriptor(media_types.OCI_MANIFEST, BLOB.digest, 3, Platform("linux", "arm", "v7"), {"a": "b"})
    index = Index.of([entry])

    assert index.manifests == (entry,)
    assert parse_manifest(index.raw) == index


@pytest.mark.parametrize(
    ("fields", "content_type", "message"),
    [
        (document(manifests=[]), "", "at once"),
        ({"manifests": [], "layers": []}, media_types.OCI_INDEX, "at once"),
        (document(mediaType=media_types.OCI_MANIFEST), media_types.DOCKER_MANIFEST, "is said to be"),
        (document(mediaType="text/html"), "", "text/html"),
        ({"schemaVersion": 1}, "", "schema 1"),
        ([], "", "not a JSON object"),
        (document(layers={}), "", "list of objects"),
        (document(config=None), "", "digest"),
        (document(layers=[{"digest": "sha256:1", "size": 1}]), "", "digest"),
        (document(layers=[{"digest": BLOB.digest, "size": -1}]), "", "size"),
        (document(layers=[{"digest": BLOB.digest, "size": "1"}]), "", "size"),
        (document(layers=[{"digest": BLOB.digest, "size": 2**64}]), "", "size"),
        (document(layers=[{"digest": BLOB.digest, "size": True}]), "", "size"),
        (document(annotations={"a": 1}), "", "strings"),
    ],
)
def test_what_cannot_be_believed_is_refused(fields: Any, content_type: str, message: str) -> None:
    with pytest.raises(InvalidAnswer, match=message):
        parse(fields, content_type)


KEYS = st.sampled_from(["mediaType", "config", "layers", "manifests", "digest", "size", "platform"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)))
def test_any_json_is_a_manifest_or_an_invalid_answer(fields: Any) -> None:
    with suppress(InvalidAnswer):
        assert parse(fields).digest


@given(st.binary(max_size=50))
def test_any_bytes_are_a_config_or_an_invalid_answer(raw: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        ImageConfig.parse(b"\xff" + raw)


def test_a_config_tells_how_to_run_the_image() -> None:
    config = ImageConfig.parse(
        json.dumps(
            {
                "os": "linux",
                "architecture": "arm64",
                "created": "2024-05-06T07:08:09Z",
                "config": {"Entrypoint": ["/app"], "Cmd": None, "Env": ["A=b"], "ExposedPorts": {"80/tcp": {}}},
                "rootfs": {"type": "layers", "diff_ids": [BLOB.digest]},
                "history": [{"created_by": "RUN x"}, {"created_by": "ENV A=b", "empty_layer": True}],
            }
        ).encode()
    )

    assert str(config.platform) == "linux/arm64"
    assert (config.entrypoint, config.command, config.env) == (("/app",), (), ("A=b",))
    assert config.exposed_ports == ("80/tcp",)
    assert [(step.created_by, step.empty_layer) for step in config.history] == [
        ("RUN x", False),
        ("ENV A=b", True),
    ]


@pytest.mark.parametrize(
    ("platform", "wanted", "matches"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm/v7", "linux/arm", True),
        ("windows/amd64", "linux/amd64", False),
        ("linux/x86_64", "linux/amd64", True),
    ],
)
def test_platforms_match(platform: str, wanted: str, matches: bool) -> None:
    assert Platform.parse(platform).matches(Platform.parse(wanted)) is matches


@pytest.mark.parametrize("text", ["", "linux", "linux/", "a/b/c/d", "/amd64"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(UsageError):
        Platform.parse(text)


def test_a_blob_that_is_there_twice_counts_once() -> None:
    manifest = parse(document(layers=[BLOB.to_json()] * 3))

    assert isinstance(manifest, Manifest)
    assert manifest.size == len(manifest.raw) + CONFIG.size + BLOB.size
