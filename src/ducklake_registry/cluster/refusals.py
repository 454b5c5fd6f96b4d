"""The Kubernetes library's errors in our own words."""

from __future__ import annotations

import contextlib
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from ducklake_registry.cluster.commands import Commands
from ducklake_registry.errors import AccessDenied, ClusterError, ClusterUnreachable, FieldImmutable

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMMUTABLE = ("field is immutable", "pod updates may not change fields", "updates to statefulset spec for fields")
"""How the server refuses to change what is fixed when an object is made."""

# A request that was cut off may leave a port without an owner. Source: portallocator's repair loop in Kubernetes.
_NODE_PORT_HINT = (
    "`kubectl get services -A` shows whose it is (nobody's is free within ten minutes); or take another with "
    "`dlr deploy-registry --node-port`"
)
_ENDING = re.compile(r"in namespace (\S+) because it is being terminated")
_CONTEXT_HINT = "see it with `kubectl config view`, or choose another context with --context"


@contextlib.contextmanager
def translated(context: str) -> Iterator[None]:
    """Raise what goes wrong in the body as ClusterUnreachable, AccessDenied or another ClusterError."""
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config import ConfigException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise _refusal(error, context) from error
    except HTTPError as error:
        hint = "is the cluster running? `dlr deploy-kind` makes and repairs the laptop's own"
        message = f"the cluster of context {context} does not answer: {_cause(error)}"
        raise ClusterUnreachable(message, hint) from error
    except (ConfigException, OSError) as error:
        said = " ".join(str(error).split())
        raise ClusterUnreachable(f"context {context} cannot be used: {said}", _CONTEXT_HINT) from error


def _refusal(error: Any, context: str) -> ClusterError:
    said = _said(error)
    if error.status == 401:  # noqa: PLR2004
        return AccessDenied(
            f"the cluster of context {context} does not accept these credentials",
            hint="log in to the cluster again, or choose another context with --context",
        )
    if error.status == 403 and " cannot " in said:  # noqa: PLR2004
        return AccessDenied(f"not allowed: {said}", hint="ask the cluster's administrator for that right (RBAC)")
    if any(each in said for each in _IMMUTABLE):
        return FieldImmutable(f"the cluster refused: {said}", "delete the object first, if that may be")
    return ClusterError(f"the cluster refused: {said}", hint=_hint(said, context))


def _hint(said: str, context: str) -> str | None:
    """Return what can be done about a refusal, as far as it is known."""
    if ending := _ENDING.search(said):
        kubectl = partial(Commands().kubectl, context)
        wait = kubectl("wait --for=delete", f"namespace/{ending[1]}", "--timeout=5m")
        look = kubectl("get namespace", ending[1], "--output yaml")
        return f"wait until it is gone: {wait}; what holds it: {look}"
    return _NODE_PORT_HINT if "port is already allocated" in said else None


def _said(error: Any) -> str:
    """Return the server's own words: the message of the Status that it answers with."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(error.body)["message"])
    return f"{error.status} {error.reason}"


def _cause(error: BaseException) -> str:
    """Return the innermost reason of a connection error, which is the one that says something."""
    while isinstance(reason := getattr(error, "reason", None), BaseException):
        error = reason
    text = re.sub(r"\[Errno -?\d+\] ", "", str(error)).rpartition(": ")[2].strip(" '\"")
    return (text if "(" in text else text.rstrip(" '\")")) or type(error).__name__
