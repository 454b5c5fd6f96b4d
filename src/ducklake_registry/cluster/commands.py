"""`Commands`: how commands about a registry and its cluster are typed, so that they hit no other cluster."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ducklake_registry.cluster.kubeconfig import IN_CLUSTER, LAPTOP_CONTEXT
from ducklake_registry.manifests import names

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster

# By which options each command is told what it is about.
_CLUSTER = ("context", "namespace", "kubeconfig")
_ABOUT = {
    "delete-image": ("context", "kubeconfig"),
    "deploy-kind": ("namespace", "kubeconfig"),
    "destroy-kind": ("kubeconfig",),
    "doctor": ("registry", *_CLUSTER),
    "list-registry-images": ("registry",),
    "registry-status": ("registry", *_CLUSTER),
    "test-registry": ("registry", *_CLUSTER),
}
_UNNAMED = frozenset({LAPTOP_CONTEXT, IN_CLUSTER})
"""The contexts that need not be named, or cannot be."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What was said of a registry and its cluster; None where nothing was, so that nothing has to be typed.

    `kubeconfig` is what was typed with `--kubeconfig`: a variable holds for the next command too.
    """

    context: str | None = None
    namespace: str = names.NAMESPACE
    registry: str | None = None
    kubeconfig: str | None = None

    @classmethod
    def of(cls, cluster: Cluster, namespace: str) -> Self:
        """Return those about a cluster of which nothing is known but its context."""
        return cls(None if cluster.context in _UNNAMED else cluster.context, namespace)

    def dlr(self, command: str, **options: object) -> str:
        """Return a command of ours; an option that is True is a flag, None leaves it out."""
        words = ["dlr", command]
        named = {
            "registry": self.registry,
            "context": self.context,
            "namespace": self.namespace if self.namespace != names.NAMESPACE else None,
            "kubeconfig": self.kubeconfig,
        }
        about = {name: named[name] for name in _ABOUT.get(command, _CLUSTER) if name not in options}
        for name, value in (options | about).items():
            if value is not None:
                words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        return shlex.join(words)

    def kubectl(self, context: str, *words: str) -> str:
        """Return a command of kubectl about a cluster; words are written as they are given."""
        named = ["--kubeconfig", shlex.quote(self.kubeconfig)] if self.kubeconfig else []
        if context != IN_CLUSTER:  # that name is ours alone
            named += ["--context", shlex.quote(context)]
        return " ".join(["kubectl", *named, *words])
