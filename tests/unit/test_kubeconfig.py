"""The user's kubeconfig: reading it, choosing a context, adding one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ducklake_registry.cluster import kubeconfig
from ducklake_registry.cluster.kubeconfig import IN_CLUSTER, LAPTOP_CONTEXT, Kubeconfig, merge, read
from ducklake_registry.errors import ClusterError, ClusterUnreachable, TimeoutExpired, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def entries(*names: str, server: str = "https://127.0.0.1:1", current: str | None = None) -> dict[str, Any]:
    """Return a kubeconfig with a cluster, a user and a context of each name."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}} for name in names],
        "users": [{"name": name, "user": {"token": f"{name}-token"}} for name in names],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
        **({} if current is None else {"current-context": current}),
    }


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


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Kubeconfig]:
    """Return a function that writes files and returns the kubeconfig of them all."""

    def write(*contents: dict[str, Any] | str | None) -> Kubeconfig:
        paths = []
        for number, content in enumerate(contents):
            paths.append(path := tmp_path / f"config{number}")
            if content is not None:
                path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
                path.chmod(0o600)
        return Kubeconfig(tuple(paths))

    return write


def content_of(config: Kubeconfig, number: int = 0) -> Any:
    return yaml.safe_load(config.paths[number].read_text())


# --- which files


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


# --- choosing


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


# --- reading


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


# --- adding


def test_adding_to_nothing_makes_the_file_for_its_owner_only(tmp_path: Path) -> None:
    config = Kubeconfig((tmp_path / "new" / "folder" / "config",))
    assert merge(config, entries("kind-x"), make_current=False) == "written"
    assert content_of(config) == entries("kind-x")
    assert config.paths[0].stat().st_mode & 0o777 == 0o600
    assert [each.name for each in config.paths[0].parent.iterdir()] == ["config"]


def test_adding_keeps_everything_else(write: Callable[..., Kubeconfig]) -> None:
    before = entries("one", "two", current="two") | {"extensions": [{"name": "own", "extension": 1}]}
    config = write(before)
    assert merge(config, entries("kind-x"), make_current=False) == "written"
    after = content_of(config)
    assert after == before | {
        section: before[section] + entries("kind-x")[section] for section in ("clusters", "users", "contexts")
    }


def test_the_second_time_nothing_changes(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one"))
    merge(config, entries("kind-x"), make_current=True)
    before = config.paths[0].stat()
    for current in (True, False):
        assert merge(config, entries("kind-x"), make_current=current) == "unchanged"
    after = config.paths[0].stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_kinds_own_kubeconfig_is_unchanged_however_sparse(write: Callable[..., Kubeconfig]) -> None:
    """A file that leaves out what means nothing is not written only to add that."""
    sparse = {key: value for key, value in entries("kind-x").items() if key not in {"apiVersion", "kind"}}
    config = write(sparse)
    assert merge(config, entries("kind-x"), make_current=False) == "unchanged"
    assert content_of(config) == sparse


def test_entries_of_the_same_name_are_replaced_in_their_place(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one", "kind-x", "two"))
    new = entries("kind-x", server="https://127.0.0.1:2")
    assert merge(config, new, make_current=False) == "written"
    clusters = content_of(config)["clusters"]
    assert [each["name"] for each in clusters] == ["one", "kind-x", "two"]
    assert clusters[1] == new["clusters"][0]


def test_the_current_context_changes_only_when_asked(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one", current="one"))
    merge(config, entries("kind-x", current="kind-x"), make_current=False)
    assert config.current() == "one"
    assert merge(config, entries("kind-x"), make_current=True) == "written"
    assert config.current() == "kind-x"


def test_the_current_context_is_made_current_where_the_first_file_says_so(
    write: Callable[..., Kubeconfig],
) -> None:
    """The first file that names a current context has the say, whichever one has the entries."""
    config = write(entries("one", current="one"), entries("kind-x"))
    merge(config, entries("kind-x"), make_current=True)
    assert config.current() == "kind-x"


def test_the_file_that_knows_the_context_gets_it(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one"), entries("kind-x"))
    before = config.paths[0].read_text()
    merge(config, entries("kind-x", server="https://127.0.0.1:2"), make_current=False)
    assert config.paths[0].read_text() == before
    assert content_of(config, 1)["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:2"


def test_an_unknown_context_goes_to_the_first_file(write: Callable[..., Kubeconfig]) -> None:
    config = write(None, entries("one"))
    merge(config, entries("kind-x"), make_current=False)
    assert config.contexts() == ["kind-x", "one"]
    assert Kubeconfig(config.paths[1:]).contexts() == ["one"]


def test_sections_may_be_null(write: Callable[..., Kubeconfig]) -> None:
    config = write("apiVersion: v1\nkind: Config\nclusters: null\ncontexts: null\nusers: null\n")
    assert merge(config, entries("kind-x"), make_current=False) == "written"
    assert config.contexts() == ["kind-x"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (target := tmp_path / "real" / "config").write_text(yaml.safe_dump(entries("one")))
    (link := tmp_path / "config").symlink_to(target)
    merge(Kubeconfig((link,)), entries("kind-x"), make_current=False)
    assert link.is_symlink()
    assert Kubeconfig((target,)).contexts() == ["one", "kind-x"]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_the_files_mode_stays(mode: int, write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one"))
    config.paths[0].chmod(mode)
    merge(config, entries("kind-x"), make_current=False)
    assert config.paths[0].stat().st_mode & 0o777 == mode


def test_the_files_owner_stays(write: Callable[..., Kubeconfig]) -> None:
    """`sudo dlr` in a user's home does not take the file away from them."""
    config = write(entries("one"))
    owner = (12345, 12345) if os.getuid() == 0 else (os.getuid(), os.getgid())
    os.chown(config.paths[0], *owner)
    merge(config, entries("kind-x"), make_current=False)
    found = config.paths[0].stat()
    assert (found.st_uid, found.st_gid) == owner


def test_nothing_is_left_beside_the_file(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one"))
    merge(config, entries("kind-x"), make_current=False)
    assert list(config.paths[0].parent.iterdir()) == [config.paths[0]]


def test_a_malformed_file_is_not_overwritten(write: Callable[..., Kubeconfig]) -> None:
    config = write("- mine")
    with pytest.raises(ClusterUnreachable):
        merge(config, entries("kind-x"), make_current=False)
    assert config.paths[0].read_text() == "- mine"
    assert list(config.paths[0].parent.iterdir()) == [config.paths[0]]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = Kubeconfig((tmp_path / "file" / "config",))
    with pytest.raises(ClusterError, match="kubeconfig"):
        merge(config, entries("kind-x"), make_current=False)


def test_another_writer_is_waited_for(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one"))
    lock = config.paths[0].with_name("config0.lock")
    lock.touch()
    timer = threading.Timer(0.4, lock.unlink)
    timer.start()
    assert merge(config, entries("kind-x"), make_current=False) == "written"
    timer.join()
    assert not lock.exists()


def test_a_lock_that_stays(write: Callable[..., Kubeconfig], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "_LOCK_SECONDS", 0.1)
    config = write(entries("one"))
    lock = config.paths[0].with_name("config0.lock")
    lock.touch()
    with pytest.raises(TimeoutExpired) as caught:
        merge(config, entries("kind-x"), make_current=False)
    assert caught.value.hint
    assert str(lock) in caught.value.hint
    assert lock.exists(), "it is another's"
    assert config.contexts() == ["one"]


def test_many_writers_lose_nothing(write: Callable[..., Kubeconfig]) -> None:
    config = write(entries("one"))
    names = [f"kind-{number}" for number in range(4)]
    threads = [
        threading.Thread(target=merge, args=(config, entries(name)), kwargs={"make_current": False})
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(config.contexts()) == {"one", *names}


HOLD = """
import sys, time
from pathlib import Path
from ducklake_registry.cluster import kubeconfig
with kubeconfig._changing(Path(sys.argv[1])):
    print("holds", flush=True)
    time.sleep(60)
"""


def test_a_killed_dlr_stands_in_nobodys_way(
    write: Callable[..., Kubeconfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig, "_LOCK_SECONDS", 0.5)
    config = write(entries("one"))
    lock = config.paths[0].with_name("config0.lock")
    with subprocess.Popen([sys.executable, "-c", HOLD, config.paths[0]], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"holds\n"
        with pytest.raises(TimeoutExpired):
            merge(config, entries("kind-x"), make_current=False)
        holder.kill()
    assert lock.exists()
    assert merge(config, entries("kind-x"), make_current=False) == "written"
    assert not lock.exists()
