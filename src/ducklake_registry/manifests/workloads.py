"""A project's own Kubernetes objects: read in the order to apply them, their images pinned to digests."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ducklake_registry.errors import UsageError
from ducklake_registry.manifests.files import load
from ducklake_registry.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ducklake_registry.manifests.files import Object
    from ducklake_registry.reference import Repository

    Pins = Mapping[Repository, Reference]

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
"""What `kubectl apply -f FOLDER` reads of a folder."""

_FIRST = ("Namespace", "CustomResourceDefinition")
"""Kinds that the others of a folder may need, whatever their files are called."""

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def load_workloads(path: Path) -> list[Object]:
    """Return the objects in a file, or in the files of a folder by their names, with namespaces first.

    Raises UsageError for a folder without manifests and for what is no object with a name.
    """
    files = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"there are no manifests in {path}", "Kubernetes' objects, in files named *.yaml")
    found = [each for file in files for each in _named(file)]
    return sorted(found, key=lambda each: _FIRST.index(each["kind"]) if each["kind"] in _FIRST else len(_FIRST))


def images(each: Object) -> Iterator[str]:
    """Yield the images that an object's pods run, as they are written."""
    for place, key in _places(each):
        if isinstance(place[key], str):
            yield place[key]


def pinned(objects: list[Object], pins: Pins) -> list[Object]:
    """Return the objects with each image that has a pin, under whatever registry and tag, replaced by it."""
    objects = copy.deepcopy(objects)
    for each in objects:
        for place, key in _places(each):
            if (repository := repository_of(place[key])) and repository in pins:
                place[key] = str(pins[repository])
    return objects


def runs(each: Object, repository: Repository) -> bool:
    """Return whether an object's pods run an image of this repository."""
    return any(repository_of(image) == repository for image in images(each))


def secrets(each: Object) -> set[str]:
    """Return the Secrets without which an object's pods do not start."""
    return {str(name) for spec in pod_specs(each) for name in _secrets(spec)}


def repository_of(image: Any) -> Repository | None:
    """Return an image's path within its registry; None for what is no name, which Kubernetes will tell."""
    try:
        return Reference.parse(image, default_registry="localhost").repository
    except (UsageError, AttributeError):
        return None


def _named(file: Path) -> Iterator[Object]:
    for each in load([file]):
        items = each.get("items") if each["kind"] == "List" else [each]
        for item in items if isinstance(items, list) else ():
            if problem := _problem(item):
                raise UsageError(f"{file} holds {problem}")
            yield item


def _problem(each: Any) -> str | None:
    if not isinstance(each, dict) or not isinstance(each.get("kind"), str):
        return "something that is no object with a kind"
    if not isinstance(each.get("apiVersion"), str):
        return f"a {each['kind']} without apiVersion"
    metadata = each.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return f"a {each['kind']} without metadata.name"
    return None


def _places(each: Object) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every dictionary and key under which an object names an image to run or to mount."""
    for spec in pod_specs(each):
        for kind in _CONTAINERS:
            for container in _dictionaries(spec.get(kind)):
                if "image" in container:
                    yield container, "image"
        for volume in _dictionaries(spec.get("volumes")):
            source = volume.get("image")
            if isinstance(source, dict) and "reference" in source:
                yield source, "reference"


def _secrets(spec: dict[str, Any]) -> Iterator[Any]:
    """Yield the Secrets that a pod's variables and volumes come from, but for those that may be missing."""
    containers = [one for kind in _CONTAINERS for one in _dictionaries(spec.get(kind))]
    variables = [one.get("valueFrom") for each in containers for one in _dictionaries(each.get("env"))]
    sources = [one.get("secretKeyRef") for one in _dictionaries(variables)]
    sources += [one.get("secretRef") for each in containers for one in _dictionaries(each.get("envFrom"))]
    volumes = _dictionaries(spec.get("volumes"))
    projected = [one.get("projected", {}).get("sources") for one in volumes]
    sources += [
        one.get("secret") for one in (*volumes, *(one for each in projected for one in _dictionaries(each)))
    ]
    for source in _dictionaries(sources):
        if not source.get("optional") and (name := source.get("name") or source.get("secretName")):
            yield name


def pod_specs(each: Object) -> Iterator[dict[str, Any]]:
    """Yield what may specify an object's pods, the innermost last: its own, its template's, its schedule's."""
    for path in (("spec",), ("spec", "template", "spec"), ("spec", "jobTemplate", "spec", "template", "spec")):
        found: Any = each
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, dict):
            yield found


def _dictionaries(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
