"""`dlr doctor` and pods that lack their images: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import run
from tests.e2e.examining import healthy, looked, until

if TYPE_CHECKING:
    from tests.e2e.conftest import Environment

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
        by_pod = {each["seen"].split()[1].rpartition("/")[2]: each for each in found.content["findings"]}
        assert "it has doctor/app:v1" in by_pod["misspelt"]["means"]
        assert f"docker push {name}:v2" in by_pod["misspelt"]["repair"]
        assert "has no registry in it" in by_pod["nameless"]["means"]
        assert f"write {name}:v1 in the pod" in by_pod["nameless"]["repair"]
        assert "know no registry of the name localhost:1" in by_pod["astray"]["means"]
        assert "its imagePullPolicy is Never" in by_pod["unasked"]["means"]
        assert by_pod["unasked"]["repair"] == "write imagePullPolicy: IfNotPresent in the pod"
        thorough = looked(environment, "--thorough")
        said = next(each["said"] for each in thorough.content["links"] if each["link"] == "pull")
        assert len([each for each in thorough.content["findings"] if each["link"] == "pull"]) == 4, said
        assert found.in_state("broken") == ["pull"]

        environment.kubectl("delete", "pod", *wanted, "unasked", "--now")
        run("docker", "tag", "registry:3.1.2", f"{name}:v2")
        run("docker", "push", f"{name}:v2")
        environment.kubectl("run", "misspelt", f"--image={name}:v2", "--restart=Never", "--", "--version")
        environment.kubectl("wait", "pod/misspelt", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        healthy(environment)
    finally:
        environment.kubectl("delete", "pod", *wanted, "unasked", "--now", "--ignore-not-found")
        subprocess.run(["docker", "rmi", f"{name}:v1", f"{name}:v2"], capture_output=True, check=False)
        assert environment.run_dlr("delete-image", f"{name}:v1", "--yes").returncode == 0
