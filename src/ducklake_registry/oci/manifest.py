"""`Manifest` and `Index`: what an image is made of, read from the bytes that carry its digest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from ducklake_registry.errors import InvalidAnswer
from ducklake_registry.oci import json_fields, media_types
from ducklake_registry.oci.descriptor import Descriptor
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ducklake_registry.oci.json_fields import JsonObject


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image or artifact: a config and layers. `raw` is what the digest was computed over."""

    raw: bytes = field(repr=False)
    media_type: str
    digest: Digest
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    artifact_type: str = ""

    @classmethod
    def of(cls, config: Descriptor, layers: Sequence[Descriptor]) -> Self:
        """Write a new manifest."""
        fields: JsonObject = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
        raw = json.dumps(fields, separators=(",", ":")).encode()
        return cls.from_json(raw, fields, media_types.OCI_MANIFEST, Digest.of(raw))

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The config and the layers, in the order they are listed."""
        return (self.config, *self.layers)

    @property
    def size(self) -> int:
        """Bytes of the manifest, its config and its layers as they are stored, each blob once."""
        return len(self.raw) + sum({blob.digest: blob.size for blob in self.blobs}.values())

    @property
    def descriptor(self) -> Descriptor:
        """What points to this manifest."""
        return Descriptor(self.media_type, self.digest, len(self.raw), None, self.annotations, self.artifact_type)

    @classmethod
    def from_json(cls, raw: bytes, fields: JsonObject, media_type: str, digest: Digest) -> Self:
        """Read the fields of an image manifest; raises InvalidAnswer."""
        return cls(
            raw=raw,
            media_type=media_type,
            digest=digest,
            config=Descriptor.from_json(json_fields.child(fields, "config")),
            layers=tuple(map(Descriptor.from_json, json_fields.objects(fields, "layers"))),
            subject=_subject(fields),
            annotations=json_fields.text_map(fields, "annotations"),
            artifact_type=json_fields.text(fields, "artifactType"),
        )


@dataclass(frozen=True, slots=True)
class Index:
    """Several manifests under one name, mostly one for each platform."""

    raw: bytes = field(repr=False)
    media_type: str
    digest: Digest
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    artifact_type: str = ""

    @classmethod
    def of(cls, manifests: Sequence[Descriptor], annotations: Mapping[str, str] | None = None) -> Self:
        """Write a new index."""
        fields: JsonObject = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_INDEX,
            "manifests": [manifest.to_json() for manifest in manifests],
        }
        if annotations:
            fields["annotations"] = dict(annotations)
        raw = json.dumps(fields, separators=(",", ":")).encode()
        return cls.from_json(raw, fields, media_types.OCI_INDEX, Digest.of(raw))

    @property
    def descriptor(self) -> Descriptor:
        """What points to this index."""
        return Descriptor(self.media_type, self.digest, len(self.raw), None, self.annotations, self.artifact_type)

    @classmethod
    def from_json(cls, raw: bytes, fields: JsonObject, media_type: str, digest: Digest) -> Self:
        """Read the fields of an index; raises InvalidAnswer."""
        return cls(
            raw=raw,
            media_type=media_type,
            digest=digest,
            manifests=tuple(map(Descriptor.from_json, json_fields.objects(fields, "manifests"))),
            subject=_subject(fields),
            annotations=json_fields.text_map(fields, "annotations"),
            artifact_type=json_fields.text(fields, "artifactType"),
        )


def parse_manifest(raw: bytes, content_type: str = "", digest: Digest | None = None) -> Manifest | Index:
    """Read the bytes of a manifest or an index.

    `content_type` is what the transport said of them, `digest` a digest that they were already verified
    against (else their sha256). Raises InvalidAnswer, also where the document could be read as two types:
    see GHSA-77vh-xpmg-72qh.
    """
    fields = json_fields.read_object(raw, "the manifest")
    media_type = _media_type(fields, media_types.bare(content_type))
    digest = digest or Digest.of(raw)
    if media_type in media_types.INDEXES:
        if "layers" in fields or "config" in fields:
            raise InvalidAnswer(f"{digest} is an index and an image manifest at once")
        return Index.from_json(raw, fields, media_type, digest)
    if "manifests" in fields:
        raise InvalidAnswer(f"{digest} is an image manifest and an index at once")
    return Manifest.from_json(raw, fields, media_type, digest)


def _media_type(fields: JsonObject, content_type: str) -> str:
    """Decide the type: the document's own word, the transport's where that has none; they may not differ."""
    known = media_types.MANIFESTS | media_types.INDEXES
    own = json_fields.text(fields, "mediaType")
    if fields.get("schemaVersion") == 1:
        raise InvalidAnswer("the image has a manifest of Docker's schema 1", "push it again with a newer tool")
    if own and content_type in known and own != content_type:
        raise InvalidAnswer(f"the manifest is said to be {content_type}, but says itself that it is {own}")
    if own in known:
        return own
    if own:
        raise InvalidAnswer(f"no manifest that can be read: its media type is {own!r}")
    if content_type in known:
        return content_type
    return media_types.OCI_INDEX if "manifests" in fields else media_types.OCI_MANIFEST


def _subject(fields: JsonObject) -> Descriptor | None:
    subject = json_fields.child(fields, "subject")
    return Descriptor.from_json(subject) if subject else None
