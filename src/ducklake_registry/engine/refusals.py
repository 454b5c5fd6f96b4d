"""What the docker SDK raises, in the words and the tree of `errors`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ducklake_registry.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_HINT = "start Docker (Docker Desktop, or `sudo systemctl start docker`) and check with `docker info`"


class NotThere(EngineError):
    """The engine has no image or container of that name."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise what the SDK raises as EngineError."""
    from docker.errors import APIError, DockerException, NotFound
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except NotFound as error:
        raise NotThere(f"the Docker Engine has no such thing: {error.explanation or error}") from error
    except APIError as error:
        said = str(error.explanation or error)
        hint = "mend it in the Dockerfile" if "dockerfile parse error" in said else None
        raise EngineError(f"the Docker Engine refused: {said}", hint) from error
    except (DockerException, RequestException, HTTPError, OSError) as error:  # HTTPError: of a stream's middle
        raise EngineError(f"the Docker Engine does not answer: {_cause(error)}", _START_HINT) from error


def _cause(error: BaseException) -> str:
    """Return in words what the other errors were raised from."""
    first = error
    while cause := first.__cause__ or first.__context__:
        first = cause
    if isinstance(first, PermissionError):
        return "permission denied on its socket (are you in the group `docker`?)"
    if isinstance(first, FileNotFoundError | ConnectionRefusedError):
        return "nothing listens on its socket"
    return " ".join(str(getattr(first, "strerror", None) or first).split())
