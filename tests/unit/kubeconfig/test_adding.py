"""What adding a context changes, and what it leaves as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.cluster import kubeconfig
from ducklake_registry.cluster.kubeconfig import Kubeconfig, merge
from ducklake_registry.errors import ClusterError, ClusterUnreachable, TimeoutExpired

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
from tests.unit.kubeconfig.conftest import content_of, entries


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
