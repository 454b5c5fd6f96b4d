"""The user's kubeconfig: which contexts it has, and adding one without touching the rest.

Source: the Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files".
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ducklake_registry.errors import ClusterError, ClusterUnreachable, UsageError
from ducklake_registry.replacing import FOR_ME, Replacement
from ducklake_registry.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LAPTOP_CONTEXT = "kind-ducklake-cluster"
"""The context of the cluster that `dlr deploy-kind` makes when it is given no other name."""

IN_CLUSTER = "in-cluster"
"""Stands for the cluster in a pod of which this runs, reached as the pod's service account."""

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_SECTIONS = ("clusters", "users", "contexts")
_LOCK_SECONDS = 10.0
_SIGNATURE = b"dlr\n"


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The files of a kubeconfig, the first of which says what a context or cluster means."""

    paths: tuple[Path, ...]

    @classmethod
    def parse(cls, value: str | None) -> Kubeconfig:
        """Return the files that a value like KUBECONFIG's names, or the default one."""
        named = tuple(Path(part).expanduser() for part in (value or "").split(os.pathsep) if part)
        return cls(named or (Path("~/.kube/config").expanduser(),))

    def __str__(self) -> str:
        return os.pathsep.join(map(str, self.paths))

    def contexts(self) -> list[str]:
        """Return the names of all contexts, in the order of the files."""
        found = [entry["name"] for each in self.paths for entry in read(each).get("contexts") or ()]
        return list(dict.fromkeys(found))

    def current(self) -> str | None:
        """Return the user's current context, if there is one."""
        return next(filter(None, (read(each).get("current-context") for each in self.paths)), None)

    def namespace(self, context: str) -> str:
        """Return the namespace that objects of a context are in unless they name another."""
        if context == IN_CLUSTER and is_in_pod():
            return (_SERVICE_ACCOUNT / "namespace").read_text("utf-8").strip()
        entries = (entry for each in self.paths for entry in read(each).get("contexts") or ())
        found: dict[str, Any] = next((each for each in entries if each["name"] == context), {})
        return str((found.get("context") or {}).get("namespace") or "default")

    def choose(self, context: str | None) -> str:
        """Return the context to work on: the one asked for, else the laptop's own, else the current one.

        In a pod, where there is none, it is IN_CLUSTER. Raises UsageError when the one asked for is not there,
        ClusterUnreachable when there is none at all.
        """
        contexts = self.contexts()
        if not contexts and context in (None, IN_CLUSTER) and is_in_pod():
            return IN_CLUSTER
        if context is not None and context not in contexts:
            raise UsageError(
                f"there is no context {context!r} in {self}",
                hint=f"choose one with --context: {', '.join(contexts)}" if contexts else _NO_CONTEXT_HINT,
            )
        chosen = context or (LAPTOP_CONTEXT if LAPTOP_CONTEXT in contexts else self.current())
        if chosen is None or chosen not in contexts:
            raise ClusterUnreachable(
                f"no cluster to work on: {self} has no current context" if contexts else f"no context in {self}",
                hint=f"choose one with --context: {', '.join(contexts)}" if contexts else _NO_CONTEXT_HINT,
            )
        return chosen


_NO_CONTEXT_HINT = "`dlr deploy-kind` makes a cluster; --kubeconfig FILE names another kubeconfig"


def is_in_pod() -> bool:
    """Tell whether this runs in a pod that has a service account's token."""
    return (_SERVICE_ACCOUNT / "token").is_file()


def read(path: Path) -> dict[str, Any]:
    """Return a kubeconfig file's content; a file that is not there has none.

    Raises ClusterUnreachable for one that cannot be read or is no kubeconfig.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        hint = "give yourself the right to read it, or name another with --kubeconfig FILE"
        raise ClusterUnreachable(f"cannot read the kubeconfig {path}: {error.strerror}", hint) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _no_kubeconfig(path) from error
    if not isinstance(content, dict | None) or not all(
        _is_section((content or {}).get(each)) for each in _SECTIONS
    ):
        raise _no_kubeconfig(path)
    return content or {}


def knows(config: Kubeconfig, addition: dict[str, Any]) -> bool:
    """Return whether the user's kubeconfig has these entries as they are: `merge` would change nothing."""
    before = read(_home_of(config, addition))
    return all(_replaced(before.get(key) or (), addition[key]) == list(before.get(key) or ()) for key in _SECTIONS)


def merge(config: Kubeconfig, addition: dict[str, Any], *, make_current: bool) -> str:
    """Add a cluster, its user and its context to the user's kubeconfig; return "unchanged" or "written".

    Entries of the same names are replaced, all else stays, the current context too unless `make_current`. It is
    written to the file that knows the context already, else to the first. Raises ClusterError if that fails.
    """
    name = addition["contexts"][0]["name"]
    path = _home_of(config, addition)
    new = {section: addition[section] for section in _SECTIONS}
    written = _change(path, lambda before: {key: _replaced(before.get(key) or (), new[key]) for key in _SECTIONS})
    if make_current:
        # The first file that names one has the say, as for `kubectl config use-context`.
        path = next((each for each in config.paths if read(each).get("current-context")), path)
        written |= _change(path, lambda _before: {"current-context": name})
    return "written" if written else "unchanged"


def _home_of(config: Kubeconfig, addition: dict[str, Any]) -> Path:
    """Return the file that knows the addition's context already, else the first."""
    name = addition["contexts"][0]["name"]
    return next((each for each in config.paths if name in Kubeconfig((each,)).contexts()), config.paths[0])


def _change(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
    """Give a file the keys that `change` makes of its content; return whether it was not so already."""
    with _changing(path):
        before = read(path)
        after = (before or {"apiVersion": "v1", "kind": "Config"}) | change(before)
        if after != before:
            _write(path, after)
        return after != before


def _is_section(value: Any) -> bool:
    entries = [] if value is None else value
    return isinstance(entries, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in entries
    )


def _replaced(before: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    additions = {entry["name"]: entry for entry in new}
    kept = [additions.pop(entry["name"], entry) for entry in before]
    return [*kept, *additions.values()]


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Hold the file as kubectl and kind do: whoever makes FILE.lock may write FILE (client-go's loader).

    What a killed kubectl left is for its user to remove; what a killed `dlr` left goes by itself.
    """
    lock = path.with_name(f"{path.name}.lock")

    def probe() -> int | NotYet:
        try:
            return os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            _remove_abandoned(lock)
            return NotYet(f"{lock} is there: another program is writing, or was killed while it did")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hint = f"if no other program is at work on it, remove {lock}"
        descriptor = wait_for(f"the right to write {path}", probe, Deadline(_LOCK_SECONDS), hint=hint)
        try:
            _sign(descriptor)
            yield
        finally:
            lock.unlink(missing_ok=True)
            os.close(descriptor)
    except OSError as error:
        raise ClusterError(f"cannot write the kubeconfig {path}: {error.strerror}") from error


def _sign(descriptor: int) -> None:
    """Tell other `dlr` whose lock it is. The kernel's own lock comes first: it ends with this process."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, _SIGNATURE)


def _remove_abandoned(lock: Path) -> None:
    """Remove a lock that a `dlr` has signed and no process holds any more."""
    with contextlib.suppress(FileNotFoundError, BlockingIOError), lock.open("rb") as left:
        if left.read() == _SIGNATURE:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(left.fileno()), lock.stat()):  # or it is already another's
                lock.unlink()


def _write(path: Path, content: dict[str, Any]) -> None:
    with Replacement.of(path, FOR_ME) as file:
        file.keep(yaml.safe_dump(content, sort_keys=False, encoding="utf-8"))


def _no_kubeconfig(path: Path) -> ClusterUnreachable:
    return ClusterUnreachable(f"{path} is no kubeconfig", hint="name another with --kubeconfig FILE")
