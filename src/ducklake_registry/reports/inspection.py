"""One image from near: its manifest, its config, its layers, and what refers to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ducklake_registry.errors import NotFound
from ducklake_registry.oci import ImageConfig, Index, Manifest, Platform, media_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ducklake_registry.oci import Descriptor
    from ducklake_registry.reference import Digest, Reference, Repository
    from ducklake_registry.registry import RegistryClient


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of an index; `size` is that of the manifest alone, in bytes."""

    platform: str | None
    digest: Digest
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, its size as it is stored, in bytes, and the command that made it where the history tells."""

    digest: Digest
    media_type: str
    size: int
    command: str | None


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How the image was made and is run; `created` is RFC 3339."""

    created: str | None
    author: str | None
    user: str | None
    working_dir: str | None
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: tuple[str, ...]
    exposed_ports: tuple[str, ...]
    volumes: tuple[str, ...]
    labels: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Referrer:
    """A manifest whose subject is this one: a signature, a bill of materials."""

    artifact_type: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an image is. Of an index `platforms` tells what it lists, and `config` and `layers` are empty.

    `size` is in bytes, of the manifest with its config and layers, each blob once; None of an index.
    """

    image: str
    digest: Digest
    media_type: str
    size: int | None
    platforms: tuple[str, ...]
    artifact_type: str | None
    manifests: tuple[Listed, ...]
    config: RunConfig | None
    layers: tuple[Layer, ...]
    annotations: Mapping[str, str] = field(hash=False)
    referrers: tuple[Referrer, ...]


def find_manifest(client: RegistryClient, reference: Reference, platform: Platform | None) -> Manifest | Index:
    """Get what a reference names, `latest` without a tag; of an index the manifest for a platform, if asked.

    Raises NotFound, also where there is no such platform.
    """
    found = client.manifest(reference.repository, reference.target or "latest")
    if platform is None:
        return found
    if isinstance(found, Index):
        entries = [(each.platform, each.digest) for each in found.manifests if each.platform]
        digest = next((digest for each, digest in entries if each.matches(platform)), None)
        if digest is None:
            raise _no_platform(reference, platform, [str(each) for each, _ in entries])
        return client.manifest(reference.repository, digest)
    config = _config(client, reference.repository, found)
    if config and not config.platform.matches(platform):
        raise _no_platform(reference, platform, [str(config.platform)])
    return found


def inspect(client: RegistryClient, reference: Reference, platform: Platform | None) -> Inspection:
    """Look at an image; raises NotFound, also where its config is missing."""
    found = find_manifest(client, reference, platform)
    config = None if isinstance(found, Index) else _config(client, reference.repository, found)
    return Inspection(
        image=str(reference),
        digest=found.digest,
        media_type=found.media_type,
        size=None if isinstance(found, Index) else found.size,
        platforms=_platforms(found, config),
        artifact_type=found.artifact_type or None,
        manifests=tuple(map(_listed, found.manifests)) if isinstance(found, Index) else (),
        config=_run_config(config) if config else None,
        layers=() if isinstance(found, Index) else tuple(_layers(found, config)),
        annotations=found.annotations,
        referrers=tuple(
            Referrer(each.artifact_type or each.media_type, each.digest, each.size)
            for each in client.referrers(reference.repository, found.digest)
        ),
    )


def _config(client: RegistryClient, repository: Repository, manifest: Manifest) -> ImageConfig | None:
    if manifest.config.media_type not in media_types.CONFIGS:
        return None
    return ImageConfig.parse(client.small_blob(repository, manifest.config))


def _platforms(found: Manifest | Index, config: ImageConfig | None) -> tuple[str, ...]:
    if isinstance(found, Index):
        names = (str(each.platform) for each in found.manifests if each.platform)
        return tuple(dict.fromkeys(name for name in names if "unknown" not in name))
    return (str(config.platform),) if config and str(config.platform) else ()


def _listed(entry: Descriptor) -> Listed:
    return Listed(str(entry.platform) if entry.platform else None, entry.digest, entry.media_type, entry.size)


def _layers(manifest: Manifest, config: ImageConfig | None) -> Iterator[Layer]:
    """Pair the layers with the steps that made them, if there are as many of both."""
    history = config.history if config else ()
    commands = [each.created_by for each in history if not each.empty_layer]
    if len(commands) != len(manifest.layers):
        commands = [""] * len(manifest.layers)
    for layer, command in zip(manifest.layers, commands, strict=True):
        yield Layer(layer.digest, layer.media_type, layer.size, command or None)


def _run_config(config: ImageConfig) -> RunConfig:
    return RunConfig(
        created=config.created or None,
        author=config.author or None,
        user=config.user or None,
        working_dir=config.working_dir or None,
        entrypoint=config.entrypoint,
        command=config.command,
        env=config.env,
        exposed_ports=config.exposed_ports,
        volumes=config.volumes,
        labels=config.labels,
    )


def _no_platform(reference: Reference, platform: Platform, there: list[str]) -> NotFound:
    names = ", ".join(dict.fromkeys(name for name in there if name and "unknown" not in name))
    return NotFound(f"{reference} is not there for {platform}", f"there is {names}" if names else None)
