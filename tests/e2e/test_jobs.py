"""The image of `dlr` as a job in a cluster, with no rights but those that docs/how-to/in-cluster.md gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import Environment, run
from tests.packaging.build_context import ROOT, copied, forget_stages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster

IN_STORAGE = ("--namespace", "storage")
PAGE = ROOT / "docs" / "how-to" / "in-cluster.md"


@pytest.fixture
def image(environment: Environment, tmp_path: Path) -> Iterator[str]:
    name = f"{environment.registry}/tools/dlr:test"
    run("docker", "build", "--quiet", "--tag", name, str(copied(tmp_path)))
    run("docker", "push", "--quiet", name)
    yield name
    run("docker", "rmi", name)
    forget_stages()


def test_it_checks_the_registry_as_its_service_account(
    environment: Environment, image: str, tmp_path: Path
) -> None:
    objects = PAGE.read_text().partition("# registry-check.yaml")[2].partition("```")[0]
    (manifest := tmp_path / "check.yaml").write_text(
        objects.replace("registry.example.com/tools/dlr:0.1.0", image)
    )
    environment.kubectl("apply", "-f", str(manifest))
    try:
        environment.kubectl(*IN_STORAGE, "create", "job", "--from=cronjob/registry-check", "now")
        environment.kubectl(*IN_STORAGE, "wait", "--for=condition=Complete", "job/now", "--timeout=120s")
        said = environment.kubectl(*IN_STORAGE, "logs", "job/now")
        assert "healthy" in said.splitlines()[-1]
        assert "context in-cluster" in said
        for line in ("deployment", "volume", "inside"):
            assert "not available" not in next(each for each in said.splitlines() if line in each), said
    finally:
        environment.kubectl(*IN_STORAGE, "delete", "--ignore-not-found", "job/now")
        environment.kubectl("delete", "--ignore-not-found", "-f", str(manifest))
