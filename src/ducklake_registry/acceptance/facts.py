"""Where a test was made: what the registry is, what it runs on, and who asked."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ducklake_registry import __version__
from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.cluster import kinds
from ducklake_registry.errors import DlrError, EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.acceptance.results import Result
    from ducklake_registry.acceptance.site import Site
    from ducklake_registry.manifests import Object

_PROGRAM = "registry"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node of the registry's cluster, in its kubelet's words."""

    name: str
    kubelet: str
    container_runtime: str
    operating_system: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a test was made; None is what could not be told.

    `software` is what the registry is: its own program's word, else its Server header, else whom it behaves like.
    The cluster is only told of where the registry runs in it.
    """

    url: str
    software: str | None
    context: str | None
    namespace: str | None
    kubernetes: str | None
    nodes: tuple[NodeFacts, ...]
    engine: str | None
    dlr: str
    client: str


def look_around(context: Context, results: Sequence[Result]) -> Environment:
    """Gather the facts; what does not answer is left out."""
    site = context.site
    return Environment(
        context.client.endpoint.url,
        (site and _own_word(site)) or _server_header(context, results) or _likeness(results),
        site.cluster.context if site else None,
        site.namespace if site else None,
        _kubernetes(site) if site else None,
        _nodes(site) if site else (),
        _engine(context),
        __version__,
        f"Python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}",
    )


def _own_word(site: Site) -> str | None:
    """Ask the registry's program in its pod: "registry github.com/distribution/distribution/v3 v3.1.2"."""
    with contextlib.suppress(DlrError):
        words = site.run(_PROGRAM, "--version").output.split()
        if words[:1] == [_PROGRAM] and len(words) > 1:
            return " ".join(words[1:])
    return None


def _server_header(context: Context, results: Sequence[Result]) -> str | None:
    if not any(each.verdict is Verdict.PASSED for each in results):
        return None  # it is not waited for once more
    with contextlib.suppress(DlrError):
        return context.client.ask("GET", "/v2/").header("server") or None
    return None


def _likeness(results: Sequence[Result]) -> str | None:
    """Tell from what it can do and cannot."""
    verdicts = {f"{each.category}/{each.name}": each.verdict for each in results}
    pages, referrers = verdicts.get("tags/pages"), verdicts.get("images/referrers")
    if referrers is Verdict.PASSED:
        return "as the OCI specification 1.1 has it (it lists referrers)"
    if pages is Verdict.UNSUPPORTED and verdicts.get("tags/deletes") is Verdict.UNSUPPORTED:
        return "like distribution 2 (no tags in pages, no delete of a tag)"
    if pages is Verdict.PASSED and referrers is Verdict.UNSUPPORTED:
        return "like distribution 3 (tags in pages, no list of referrers)"
    return None


def _kubernetes(site: Site) -> str | None:
    with contextlib.suppress(DlrError):
        return site.cluster.version()
    return None


def _nodes(site: Site) -> tuple[NodeFacts, ...]:
    with contextlib.suppress(DlrError):
        return tuple(map(_node, site.cluster.objects(kinds.NODE)))
    return ()


def _node(node: Object) -> NodeFacts:
    info = node["status"]["nodeInfo"]
    kubelet, runtime = info["kubeletVersion"], info["containerRuntimeVersion"]
    return NodeFacts(str(node["metadata"]["name"]), kubelet, runtime, info["osImage"], info["architecture"])


def _engine(context: Context) -> str | None:
    with contextlib.suppress(EngineError):
        return context.engine.described() if context.engine else None
    return None
