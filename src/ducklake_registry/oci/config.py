"""`ImageConfig`: how an image was made and how it is to be run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from ducklake_registry.oci import json_fields
from ducklake_registry.oci.descriptor import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class History:
    """One step of an image's making; an empty layer changed the configuration only."""

    created: str
    created_by: str
    comment: str
    empty_layer: bool


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The configuration of an image. `created` is RFC 3339 as the image has it, or "".

    Source: "OCI Image Configuration" of the OCI image specification 1.1.
    """

    platform: Platform
    created: str = ""
    author: str = ""
    user: str = ""
    working_dir: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    diff_ids: tuple[str, ...] = ()
    history: tuple[History, ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the bytes of a config blob; raises InvalidAnswer."""
        fields = json_fields.read_object(raw, "the image's config")
        run = json_fields.child(fields, "config")
        return cls(
            platform=Platform.from_json(fields),
            created=json_fields.text(fields, "created"),
            author=json_fields.text(fields, "author"),
            user=json_fields.text(run, "User"),
            working_dir=json_fields.text(run, "WorkingDir"),
            entrypoint=json_fields.texts(run, "Entrypoint"),
            command=json_fields.texts(run, "Cmd"),
            env=json_fields.texts(run, "Env"),
            labels=json_fields.text_map(run, "Labels"),
            exposed_ports=tuple(json_fields.child(run, "ExposedPorts")),
            volumes=tuple(json_fields.child(run, "Volumes")),
            diff_ids=json_fields.texts(json_fields.child(fields, "rootfs"), "diff_ids"),
            history=tuple(map(_history, json_fields.objects(fields, "history"))),
        )


def _history(fields: json_fields.JsonObject) -> History:
    return History(
        created=json_fields.text(fields, "created"),
        created_by=json_fields.text(fields, "created_by"),
        comment=json_fields.text(fields, "comment"),
        empty_layer=fields.get("empty_layer") is True,
    )
