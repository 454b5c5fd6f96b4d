"""A login for the `docker` program, without a trace of it in the user's own configuration."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ducklake_registry.engine.images import Login

_FILE = "config.json"


@contextlib.contextmanager
def logged_in(login: Login) -> Iterator[dict[str, str]]:
    """Yield the variables with which `docker` and its plugins are logged in as `login` says, and as they were.

    The configuration that they read is a folder that only the user can enter, and gone after the block. All else
    in it (plugins, builders, contexts) leads to the user's own.
    """
    if not login:
        yield {}
        return
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    with tempfile.TemporaryDirectory(prefix="dlr-docker-") as name:
        folder = Path(name)
        for each in own.iterdir() if own.is_dir() else ():
            if each.name != _FILE:
                (folder / each.name).symlink_to(each.absolute())
        (folder / _FILE).write_text(json.dumps(_with_login(_read(own / _FILE), login)), "utf-8")
        yield {"DOCKER_CONFIG": name}


def _with_login(config: Mapping[str, Any], login: Login) -> dict[str, Any]:
    """Add a login to Docker's configuration; no helper is asked for that registry any more."""
    server = login["serveraddress"]
    helpers = config.get("credHelpers") or {}
    return {
        **config,
        "auths": {**(config.get("auths") or {}), server: _entry(login)},
        "credHelpers": {**helpers, server: ""},
    }


def _entry(login: Login) -> dict[str, str]:
    entry: dict[str, str] = {key: login[key] for key in ("identitytoken", "registrytoken") if key in login}
    if "username" in login:
        pair = f"{login['username']}:{login.get('password', '')}"
        entry["auth"] = base64.b64encode(pair.encode()).decode()
    return entry


def _read(file: Path) -> dict[str, Any]:
    """Return the user's configuration; what cannot be read is as good as none, as it is for `docker`."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(file.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}
