"""`Platform` and `Descriptor`: what content is, how large, for which machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from ducklake_registry.errors import UsageError
from ducklake_registry.oci import json_fields
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}
_PARTS = (2, 3)


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system and a processor, in Go's words (`linux/amd64`, `linux/arm/v7`)."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `OS/ARCHITECTURE[/VARIANT]`; raises UsageError."""
        parts = text.lower().split("/")
        if len(parts) not in _PARTS or not all(parts):
            raise UsageError(f"{text!r} is no platform", "write OS/ARCHITECTURE, like linux/amd64")
        return cls(parts[0], _ARCHITECTURES.get(parts[1], parts[1]), *parts[2:])

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read the fields `os`, `architecture`, `variant` and `os.version`; raises InvalidAnswer."""
        names = ("os", "architecture", "variant", "os.version")
        return cls(*(json_fields.text(dict(fields), name) for name in names))

    def to_json(self) -> dict[str, str]:
        """Return the fields that a descriptor in an index has."""
        named = {"architecture": self.architecture, "os": self.os}
        rest = {"os.version": self.os_version, "variant": self.variant}
        return named | {key: value for key, value in rest.items() if value}

    def matches(self, wanted: Platform) -> bool:
        """Tell whether this is what was asked for; parts that were not asked for may be anything."""
        asked = (
            (self.os, wanted.os),
            (self.architecture, wanted.architecture),
            (self._plain_variant, wanted._plain_variant if wanted.variant else self._plain_variant),
            (self.os_version, wanted.os_version or self.os_version),
        )
        return all(mine == theirs for mine, theirs in asked)

    @property
    def _plain_variant(self) -> str:
        """The variant; arm64 without one is v8, as containerd's normalization says."""
        return self.variant or ("v8" if self.architecture == "arm64" else "")

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to content: its media type, its digest and its size in bytes.

    Source: "OCI Content Descriptors" of the OCI image specification 1.1.
    """

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    artifact_type: str = ""

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Self:
        """Describe content that is at hand."""
        return cls(media_type, Digest.of(content), len(content))

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Read a descriptor out of a manifest; raises InvalidAnswer."""
        platform = json_fields.child(fields, "platform")
        return cls(
            media_type=json_fields.text(fields, "mediaType"),
            digest=json_fields.digest(fields),
            size=json_fields.size(fields),
            platform=Platform.from_json(platform) if platform else None,
            annotations=json_fields.text_map(fields, "annotations"),
            artifact_type=json_fields.text(fields, "artifactType"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a manifest or an index has them."""
        fields: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type:
            fields["artifactType"] = self.artifact_type
        if self.platform:
            fields["platform"] = self.platform.to_json()
        if self.annotations:
            fields["annotations"] = dict(self.annotations)
        return fields
