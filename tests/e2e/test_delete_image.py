"""`dlr delete-image` names the pods that run what is about to go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.registry import RegistryClient
from tests.e2e.conftest import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Environment

pytestmark = pytest.mark.cluster


def test_pods_that_run_the_image_are_named_first(environment: Environment, tmp_path: Path) -> None:
    image = f"{environment.registry}/team/sleeper:v1"
    (tmp_path / "Dockerfile").write_text('FROM debian:bookworm-slim\nCMD ["sleep", "600"]\n')
    run("docker", "build", "--tag", image, str(tmp_path))
    run("docker", "push", image)
    run("docker", "rmi", image)
    command = ("run", "sleeper", f"--image={image}", "--restart=Never")
    environment.kubectl(*command, "--overrides", json.dumps({"spec": {"terminationGracePeriodSeconds": 0}}))
    try:
        environment.kubectl("wait", "pod/sleeper", "--for=condition=Ready", "--timeout=60s")
        with RegistryClient(environment.registry, auth=None) as client:
            digest = client.head_manifest("team/sleeper", "v1").digest

        shown = environment.run_dlr("delete-image", "team/sleeper:v1", "--dry-run")
        by_digest = environment.run_dlr("delete-image", f"team/sleeper@{digest}", "--dry-run")

        for done in (shown, by_digest):
            assert done.returncode == 0, done.stderr
            assert f"pod default/sleeper ({image})" in done.stdout
    finally:
        environment.kubectl("delete", "pod", "sleeper", "--now", "--ignore-not-found")

    gone = environment.run_dlr("delete-image", "team/sleeper:v1", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "run by" not in gone.stderr
