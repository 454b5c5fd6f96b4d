"""A registry that has what the OCI specification asks for and nothing else: no catalog, and errors of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ducklake_registry.cli.main import app
from ducklake_registry.errors import DeleteDisabled, NotFound
from tests.registry import programs
from tests.registry.images import push_image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


def test_without_a_catalog_a_repository_has_to_be_named(olareg: RunningRegistry, repository: str) -> None:
    with olareg.client() as client:
        push_image(client, repository, "v1")

    everything = CliRunner().invoke(app, ["list-registry-images", "--registry", olareg.host])
    named = CliRunner().invoke(app, ["list-registry-images", repository, "--registry", olareg.host, "--no-tags"])

    assert everything.exit_code == NotFound.exit_code
    assert f"error: not found: the catalog of {olareg.host}" in everything.stderr
    assert "hint: not every registry has one; name the repository:" in everything.stderr
    assert (named.exit_code, repository in named.stdout) == (0, True)


@pytest.mark.usefixtures("olareg")  # which tells whether there is such a program
def test_a_registry_that_deletes_nothing_is_not_taken_for_a_read_only_one(tmp_path: Path, repository: str) -> None:
    """Its 405 has neither a code nor the methods that it allows."""
    with programs.running_olareg(tmp_path) as registry, registry.client() as client:
        image = push_image(client, repository, "v1")

        with pytest.raises(DeleteDisabled):
            client.delete_manifest(repository, image.digest)
        with pytest.raises(DeleteDisabled):
            client.delete_blob(repository, image.layers[0].digest)
        assert client.tags(repository) == ["v1"]
