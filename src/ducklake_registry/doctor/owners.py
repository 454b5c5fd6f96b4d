"""`Owner`: what a pod is made by, and the commands that change it there."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.manifests import Object

_POD = "pod"
_WITH_TEMPLATE = frozenset({"DaemonSet", "Deployment", "StatefulSet"})
"""The kinds that replace their pods when their template is changed."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Where a pod is changed: its Deployment, StatefulSet or DaemonSet, else the pod itself.

    One that is `made` by anything else (a Job) cannot be made anew by hand; its image can be changed all the same.
    """

    kind: str
    name: str
    namespace: str
    made: bool = False

    @classmethod
    def of(cls, pod: Object) -> Self:
        """Read it off a pod."""
        metadata = pod["metadata"]
        maker: dict[str, Any] = next(iter(metadata.get("ownerReferences") or ()), {})
        kind, name = maker.get("kind", ""), maker.get("name", "")
        mark = (metadata.get("labels") or {}).get("pod-template-hash")
        if kind == "ReplicaSet" and mark:  # which a Deployment has made, and named after itself
            kind, name = "Deployment", name.removesuffix(f"-{mark}")
        if kind in _WITH_TEMPLATE:
            return cls(kind.lower(), name, metadata["namespace"])
        return cls(_POD, metadata["name"], metadata["namespace"], made=bool(maker))

    def with_image(self, patient: Patient, container: str, image: str) -> str:
        """Return the command that gives a container another image."""
        return self._kubectl(patient, "set image", f"{self.kind}/{self.name}", f"{container}={image}")

    def changed(self, patient: Patient, spec: dict[str, Any]) -> str | None:
        """Return the command that changes what a pod cannot change while it is there; None where there is none.

        A pod is made anew then, as it was but for that; whoever has a template makes new ones by itself.
        """
        if self.made:
            return None
        if self.kind != _POD:
            patch = shlex.quote(json.dumps({"spec": {"template": {"spec": spec}}}))
            return self._kubectl(patient, "patch", f"{self.kind}/{self.name}", f"--patch {patch}")
        read = self._kubectl(patient, "get", f"{_POD}/{self.name}", "--output json")
        change = (
            f"kubectl patch --local --filename - --output json --patch {shlex.quote(json.dumps({'spec': spec}))}"
        )
        return f"{read} | {change} | {self._kubectl(patient, 'replace --force --filename -')}"

    def _kubectl(self, patient: Patient, *words: str) -> str:
        return patient.case.kubectl(patient.context, *words, "--namespace", self.namespace)
