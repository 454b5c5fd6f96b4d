"""What is known of engines and of releases, and the commands that repairs consist of."""

from __future__ import annotations

import shlex
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from ducklake_registry.cli.main import app
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.doctor.case import Case
from ducklake_registry.doctor.releases import outdated
from ducklake_registry.doctor.settings import allowed
from ducklake_registry.manifests import RegistrySpec, usual_spec
from ducklake_registry.registry import RegistryClient
from tests.doctor.conftest import NoEngine
from tests.doctor.patients import patient


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("10.1.2.3:5000", True),
        ("registry.example.com", False),
        ("named.example.com:5000", True),
        ("192.0.2.1:5000", False),
    ],
)
def test_to_whom_the_engine_speaks_plain_http(name: str, plain: bool) -> None:
    """As `docker info` of an engine with two entries shows it."""
    info = {
        "RegistryConfig": {
            "IndexConfigs": {"named.example.com:5000": {"Secure": False}, "docker.io": {"Secure": True}},
            "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8", "10.0.0.0/8"],
        }
    }
    assert allowed(info, name) is plain


def test_the_engine_compares_the_addresses_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of the company's own, that this machine's resolver knows, and one that nobody knows."""
    known = {"registry.corp": [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 0))]}

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        if host in known:
            return known[host]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    info = {"RegistryConfig": {"InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8", "10.0.0.0/8"]}}
    assert allowed(info, "registry.corp:5000")
    assert not allowed(info, "registry.elsewhere:5000")


@pytest.mark.parametrize(
    ("said", "image", "faulty"),
    [
        ("registry github.com/distribution/distribution/v3 v3.1.2", "registry:2", False),
        ("registry github.com/distribution/distribution/v3 v3.1.0", "", False),
        ("registry github.com/distribution/distribution/v3 v3.0.0", "", True),
        ("registry github.com/distribution/distribution/v3 v3.0.0-rc.2", "", True),
        ("registry github.com/docker/distribution 2.8.3", "", True),
        ("", "registry:2.7.1", True),
        ("", "registry:3.1.2", False),
        ("", "registry:2", False),
        ("", "registry@sha256:abc", False),
    ],
)
def test_which_release_has_known_faults(said: str, image: str, faulty: bool) -> None:
    assert (outdated(said, image) is not None) is faulty


def test_a_forged_token_matters_to_candidates_only() -> None:
    assert "CVE-2025-24976" in str(outdated("v3.0.0-rc.2", ""))
    assert "CVE-2025-24976" not in str(outdated("v3.0.0", ""))


@pytest.mark.parametrize("context", [None, "production"])
@pytest.mark.parametrize("kubeconfig", [None, "/a b/kubeconfig"])
def test_every_command_is_one_that_can_be_typed(context: str | None, kubeconfig: str | None) -> None:
    group: Any = typer.main.get_command(app)
    for namespace, registry in (("storage", None), ("elsewhere", "registry.example.com")):
        files = Kubeconfig((Path("/nowhere"),))
        case = Case(files, context, namespace, registry, RegistryClient, NoEngine(), kubeconfig)
        chosen = RegistrySpec(namespace, "registry:3", None, None, 30501, "1Gi", "1")
        for typed in (
            case.deploy_registry(chosen),
            case.deploy_kind("other", 5001),
            case.dlr("clean-registry", delete_data=True),
            case.dlr("deploy-registry", storage_class="fast"),
            case.dlr("destroy-kind", name="other"),
            case.dlr("doctor"),
            case.dlr("delete-image", with_platforms=True) + " app",
            case.dlr("list-registry-images", sort="size"),
            case.dlr("logs"),
            case.dlr("port-forward", port=5001),
            case.dlr("registry-status", watch=True),
            case.dlr("test-registry", category="images"),
        ):
            _, command, *words = shlex.split(typed)
            group.commands[command].make_context(command, words)


def test_what_was_chosen_is_kept() -> None:
    case = patient().case
    assert case.deploy_registry(usual_spec()) == "dlr deploy-registry"
    chosen = replace(usual_spec(), memory="1Gi", node_port=30501)
    assert case.deploy_registry(chosen) == "dlr deploy-registry --node-port 30501 --memory 1Gi"
