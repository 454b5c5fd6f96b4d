"""Where the YAML that `dlr` carries is, and reading it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

Object = dict[str, Any]
"""A Kubernetes object as its plain dictionary."""

# Safe as `yaml.safe_load` is; where PyYAML comes with its library in C, it takes a tenth of the time.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_PACKAGE = Path(__file__).resolve().parent.parent
_CHECKOUT = _PACKAGE.parent.parent


def data_folder(name: str) -> Path:
    """Return the folder `name` ("manifests", "kind") of this installation.

    A wheel carries it inside the package; in a checkout it is beside `src`.
    """
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _CHECKOUT / name


def load(paths: Iterable[Path]) -> list[Object]:
    """Return the objects in these YAML files, in the files' order and each file's own.

    Raises UsageError for a file that cannot be read or is not YAML of Kubernetes objects.
    """
    return [found for path in paths for found in _documents(path)]


def registry_objects() -> list[Object]:
    """Return the registry's objects as they stand in `manifests/`, in the order to apply them."""
    return load(sorted(data_folder("manifests").glob("*.yaml")))


def _documents(path: Path) -> list[Object]:
    try:
        documents = [each for each in yaml.load_all(path.read_text("utf-8"), _Loader) if each is not None]
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    for document in documents:
        if not isinstance(document, dict) or "kind" not in document:
            raise UsageError(f"{path} holds something that is no object with a kind")
    return documents
