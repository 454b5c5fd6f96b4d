"""`dlr doctor` and pods that lack their images: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import run
from tests.e2e.examining import healthy, looked, typed, until

if TYPE_CHECKING:
    from tests.e2e.conftest import Environment
    from tests.e2e.examining import Checkup

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]


def test_pods_whose_images_cannot_be_pulled(environment: Environment) -> None:
    name = f"{environment.registry}/doctor/app"
    run("docker", "tag", "registry:3.1.2", f"{name}:v1")
    run("docker", "push", f"{name}:v1")
    wanted = {"misspelt": f"{name}:v2", "nameless": "doctor/app:v1", "astray": "localhost:1/doctor/app:v1"}
    unasked = ("unasked", f"--image={name}:v1", "--image-pull-policy=Never")
    try:
        environment.kubectl("run", *unasked, "--restart=Never")
        for pod, image in wanted.items():
            environment.kubectl("run", pod, f"--image={image}", "--restart=Never", "--image-pull-policy=Always")
        found = until(environment, "pull", *(f"/{pod} " for pod in (*wanted, "unasked")))
        by_pod = by_pods(found)
        assert "it has doctor/app:v1" in by_pod["misspelt"]["means"]
        assert f"  # or docker tag IMAGE {name}:v2 && docker push {name}:v2" in by_pod["misspelt"]["repair"]
        assert "has no registry in it" in by_pod["nameless"]["means"]
        assert "know no registry of the name localhost:1" in by_pod["astray"]["means"]
        assert "its imagePullPolicy is Never" in by_pod["unasked"]["means"]
        thorough = looked(environment, "--thorough")
        said = next(each["said"] for each in thorough.content["links"] if each["link"] == "pull")
        assert len([each for each in thorough.content["findings"] if each["link"] == "pull"]) == 4, said
        assert found.in_state("broken") == ["pull"]

        for each in by_pod.values():
            typed(environment, each["repair"])
        pods = [f"pod/{pod}" for pod in (*wanted, "unasked")]
        environment.kubectl("wait", *pods, "--for=condition=Ready", "--timeout=100s")
        healthy(environment)
    finally:
        environment.kubectl("delete", "pod", *wanted, "unasked", "--now", "--ignore-not-found")
        subprocess.run(["docker", "rmi", f"{name}:v1"], capture_output=True, check=False)
        assert environment.run_dlr("delete-image", f"{name}:v1", "--yes").returncode == 0


def by_pods(found: Checkup) -> dict[str, Any]:
    """Return the findings about pods by what made these: "default/app-7d8c-x2z" is of app."""
    return {
        each["seen"].split()[1].rpartition("/")[2].partition("-")[0]: each
        for each in found.content["findings"]
        if each["link"] == "pull"
    }


def test_what_makes_pods_is_changed_and_what_was_forgotten_is_pushed(environment: Environment) -> None:
    """The one deployment has a misspelt repository, the other is not to pull; a pod's image is in the engine."""
    name = f"{environment.registry}/doctor/mine"
    for tag in ("v1", "v2", "v3"):
        run("docker", "tag", "registry:3.1.2", f"{name}:{tag}")
    for tag in ("v1", "v2"):
        run("docker", "push", f"{name}:{tag}")
    try:
        environment.kubectl("create", "deployment", "misspelt", f"--image={environment.registry}/doctor/mien:v1")
        environment.kubectl("create", "deployment", "unasked", f"--image={name}:v2", "--replicas=0")
        environment.kubectl("patch", "deployment", "unasked", "--patch", json.dumps(never_pulling("mine")))
        environment.kubectl("scale", "deployment", "unasked", "--replicas=2")
        environment.kubectl("run", "forgotten", f"--image={name}:v3")
        found = by_pods(until(environment, "pull", "/misspelt-", "2 pods (default/unasked-", "/forgotten "))
        assert "it has doctor/mine:v1" in found["misspelt"]["means"]
        assert f"set image deployment/misspelt mien={name}:v1" in found["misspelt"]["repair"]
        assert found["forgotten"]["repair"] == f"docker push {name}:v3"
        (unasked,) = (each for each in found.values() if "/unasked-" in each["seen"])
        for each in (found["misspelt"], unasked, found["forgotten"]):
            typed(environment, each["repair"])
        for each in ("misspelt", "unasked"):
            environment.kubectl("rollout", "status", f"deployment/{each}", "--timeout=100s")
        environment.kubectl("wait", "pod/forgotten", "--for=condition=Ready", "--timeout=100s")
        healthy(environment)
    finally:
        words = ("deployment/misspelt", "deployment/unasked", "pod/forgotten", "--now", "--ignore-not-found")
        environment.kubectl("delete", *words)
        names = [f"{name}:{tag}" for tag in ("v1", "v2", "v3")]
        subprocess.run(["docker", "rmi", *names], capture_output=True, check=False)
        assert environment.run_dlr("delete-image", f"{name}:v1", "--yes").returncode == 0


def never_pulling(container: str) -> dict[str, Any]:
    spec = {"containers": [{"name": container, "imagePullPolicy": "Never"}]}
    return {"spec": {"template": {"spec": spec}}}
