"""How `dlr registry-status` reaches a registry: over TLS, with a login, where nobody says where it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from ducklake_registry.cli.main import app
from tests.registry import programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.registry.programs import RunningRegistry

    Status = Callable[..., dict[str, Any]]


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Status:
    """Return what the command says where there is no cluster: what the registry answers is in it all the same."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    environ = {
        "HOME": str(tmp_path),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
    }

    def run(*words: str, text: str = "", **variables: str) -> dict[str, Any]:
        said = CliRunner().invoke(
            app, ["registry-status", *words, "-o", "json"], env=environ | variables, input=text
        )
        assert said.exit_code == 1, said.output
        found: dict[str, Any] = json.loads(said.stdout)
        return found

    return run


@pytest.mark.registry
def test_an_authority_of_ones_own_is_trusted_when_it_is_named(status: Status, with_tls: RunningRegistry) -> None:
    words = ("--registry", f"https://{with_tls.host}")
    stranger = status(*words)
    assert stranger["outside"] is None
    assert "is not trusted" in stranger["unavailable"]["outside"]
    assert status(*words, "--ca-file", str(with_tls.ca_file))["outside"]["url"] == f"https://{with_tls.host}"
    assert status(*words, "--insecure")["repositories"] is not None


@pytest.mark.registry
def test_who_asks_can_be_named(status: Status, with_password: RunningRegistry) -> None:
    words = ("--registry", with_password.host)
    assert not status(*words)["outside"]["authorized"]
    known = status(*words, "--username", programs.USER, "--password-stdin", text=f"{programs.PASSWORD}\n")
    assert known["outside"]["authorized"]
    assert known["repositories"] is not None


@pytest.mark.registry
def test_a_registry_that_nobody_names_is_at_the_port_of_the_settings(
    status: Status, plain: RunningRegistry, tmp_path: Path
) -> None:
    port = plain.host.rpartition(":")[2]
    assert status()["registry"] == "localhost:5000"
    assert status(DLR_HOST_PORT=port)["outside"]["url"] == f"http://localhost:{port}"
    (tmp_path / "here" / "dlr.toml").write_text(f"host-port = {port}\n")
    assert status()["outside"]["url"] == f"http://localhost:{port}"
