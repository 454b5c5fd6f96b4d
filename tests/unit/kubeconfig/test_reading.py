"""Which files there are, which context is chosen, and what is no kubeconfig."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.cluster import kubeconfig
from ducklake_registry.cluster.kubeconfig import IN_CLUSTER, LAPTOP_CONTEXT, Kubeconfig, read
from ducklake_registry.errors import ClusterUnreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
from tests.unit.kubeconfig.conftest import entries


@pytest.fixture
def service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pod finds; a real one is in tests/e2e/test_jobs.py."""
    for name, content in (("token", "secret"), ("namespace", "storage\n")):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(kubeconfig, "_SERVICE_ACCOUNT", tmp_path)


@pytest.mark.usefixtures("service_account")
def test_in_a_pod_it_is_the_pods_cluster_unless_there_is_a_kubeconfig(write: Callable[..., Kubeconfig]) -> None:
    without = write(None)
    for named in (None, IN_CLUSTER):
        assert without.choose(named) == IN_CLUSTER
    assert without.namespace(IN_CLUSTER) == "storage"
    with pytest.raises(UsageError, match="there is no context 'mine'"):
        without.choose("mine")
    with_one = write(entries("mine", current="mine"))
    assert with_one.choose(None) == "mine"
    with pytest.raises(UsageError, match="there is no context 'in-cluster'"):
        with_one.choose(IN_CLUSTER)


def test_elsewhere_that_is_a_context_that_is_not_there(write: Callable[..., Kubeconfig]) -> None:
    with pytest.raises(UsageError, match="there is no context 'in-cluster'"):
        write(None).choose(IN_CLUSTER)


def test_a_list_of_files() -> None:
    assert Kubeconfig.parse("/a:/b").paths == (Path("/a"), Path("/b"))
    assert str(Kubeconfig.parse("/a:/b")) == "/a:/b"


@pytest.mark.parametrize("value", [None, "", ":", "::"])
def test_the_default_file(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Kubeconfig.parse(value).paths == (Path("/home/somebody/.kube/config"),)


def test_empty_parts_and_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Kubeconfig.parse(":~/mine:").paths == (Path("/home/somebody/mine"),)


def test_the_one_asked_for(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one", "two", LAPTOP_CONTEXT, current="two"))
    assert config.choose("one") == "one"


def test_the_laptops_own_before_the_current_one(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one", LAPTOP_CONTEXT, current="one"))
    assert config.choose(None) == LAPTOP_CONTEXT


def test_else_the_current_one(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one", current="one"))
    assert config.choose(None) == "one"


def test_the_current_one_may_be_named_in_another_file(write: Callable[..., Kubeconfig]) -> None:
    config = write(None, entries("one"), entries("two", current="one"))
    assert config.contexts() == ["one", "two"]
    assert config.choose(None) == "one"


def test_an_unknown_one(write: Callable[..., Kubeconfig]) -> None:
    with pytest.raises(UsageError, match="there is no context 'three'") as caught:
        write(entries("one"), entries("two")).choose("three")
    assert caught.value.hint == "choose one with --context: one, two"


def test_an_unknown_one_of_none(write: Callable[..., Kubeconfig]) -> None:
    with pytest.raises(UsageError) as caught:
        write(None).choose("three")
    assert caught.value.hint
    assert "dlr deploy-kind" in caught.value.hint


@pytest.mark.parametrize("current", [None, "gone", ""])
def test_no_current_one(current: str | None, write: Callable[..., Kubeconfig]) -> None:
    with pytest.raises(ClusterUnreachable, match="no cluster to work on") as caught:
        write(entries("one", current=current)).choose(None)
    assert caught.value.hint == "choose one with --context: one"


def test_none_at_all(write: Callable[..., Kubeconfig]) -> None:
    with pytest.raises(ClusterUnreachable, match="no context in"):
        write(None, "").choose(None)


@pytest.mark.parametrize(
    "content",
    [
        "- 1",
        "text",
        "a: [",
        "\x00",
        "contexts: 3",
        "contexts: [3]",
        "contexts: [{context: {}}]",
        "contexts: {a: 1}",
    ],
)
def test_what_is_no_kubeconfig(content: str, write: Callable[..., Kubeconfig]) -> None:
    config = write(content)
    with pytest.raises(ClusterUnreachable, match="is no kubeconfig") as caught:
        config.choose(None)
    assert str(config.paths[0]) in caught.value.message
    assert caught.value.hint


def test_what_is_not_text(tmp_path: Path) -> None:
    (path := tmp_path / "config").write_bytes(b"\xff\xfe")
    with pytest.raises(ClusterUnreachable, match="is no kubeconfig"):
        read(path)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnreachable, match=r"cannot read the kubeconfig .*: Is a directory") as caught:
        read(tmp_path)
    assert caught.value.hint
