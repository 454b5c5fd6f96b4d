"""A project with an environment, as somebody works on it: its files, its commits, and what runs of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from ducklake_registry.registry import RegistryClient
from tests.e2e.conftest import eventually, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Environment

IMAGE = "napper"
NAMESPACE = "nap"
DOCKERFILE = 'FROM debian:bookworm-slim\nCOPY version start /\nUSER 1000\nCMD ["sh", "/start"]\n'
NAP = "cat /version; exec sleep infinity\n"


@dataclass(frozen=True)
class Project:
    """A project with an environment, in a checkout of its own, on the shared cluster."""

    folder: Path
    environment: Environment

    def dlr(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ducklake_registry", *words],
            env=self.environment.variables | variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def prod(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Deploy to production: the same cluster under another context's name, and its registry."""
        named = {"PROD_CONTEXT": "production", "PROD_REGISTRY": self.environment.registry} | variables
        return self.dlr("deploy-prod", *words, **named)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def write_app(self, command: tuple[str, ...] = ("cat", "/version")) -> None:
        """Write the workloads; `command` is what the Job runs."""
        self.write("deploy/20-app.yaml", yaml.safe_dump_all(_workloads(command)))

    def commit(self) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        run("git", "-C", str(self.folder), "add", "--all")
        run("git", "-C", str(self.folder), *who, "commit", "--quiet", "--allow-empty", "--message=next")

    def digest(self, tag: str) -> str:
        with RegistryClient(self.environment.registry, auth=None) as client:
            return client.head_manifest(IMAGE, tag).digest

    def kubectl(self, *words: str) -> str:
        return self.environment.kubectl("-n", NAMESPACE, *words)

    def found(self, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "-o", "json"))["items"]
        return items

    def running(self) -> set[str]:
        """The images that the pods of the environment really run, by the digests that their nodes know."""
        pods = [each for each in self.found("pods") if "deletionTimestamp" not in each["metadata"]]
        statuses = (each for pod in pods for each in pod["status"].get("containerStatuses", ()))
        return {each["imageID"].rpartition("@")[2] for each in statuses}

    def said(self) -> str:
        """What the newest version says when it starts."""
        (newest, *_) = (each for each in self.found("pods") if _is_napper(each))
        logs = ("logs", newest["metadata"]["name"], "-c", "napper")
        eventually(lambda: self.kubectl(*logs) != "")  # it runs, but need not have come so far
        return self.kubectl(*logs)


def _is_napper(pod: dict[str, Any]) -> bool:
    """Tell whether a pod is the Deployment's and is to stay: `kubectl logs` would take the old one as well."""
    metadata = pod["metadata"]
    return metadata.get("labels", {}).get("app") == "napper" and "deletionTimestamp" not in metadata


def _workloads(command: tuple[str, ...]) -> list[dict[str, Any]]:
    """A Deployment, a Job and a CronJob of the image, which has another name in each place."""
    napper = {
        "terminationGracePeriodSeconds": 0,
        "initContainers": [{"name": "first", "image": f"registry.example.com/{IMAGE}:v9", "command": ["true"]}],
        "containers": [{"name": "napper", "image": IMAGE}],
    }
    once = {"name": "once", "image": f"localhost:5000/{IMAGE}", "command": list(command)}
    job = {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [once]}}}
    return [
        made("apps/v1", "Deployment", "napper", _replicas(2, "napper", napper)),
        made("batch/v1", "Job", "once", job),
        made("batch/v1", "CronJob", "nightly", {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}}),
    ]


def made(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _replicas(count: int, name: str, pod: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {"replicas": count, "selector": {"matchLabels": labels}, "template": template}
