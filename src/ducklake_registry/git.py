"""What git knows of a folder: which commit it is, and where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ducklake_registry.errors import DlrError, UsageError
from ducklake_registry.process import CommandFailed, CommandMissing, run
from ducklake_registry.reference import Tag

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60.0
_SCP = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?P<path>[^/].*)")
_HTTP = {"http", "https"}
_REMOTES = {*_HTTP, "ssh", "git"}


class NoCheckout(DlrError):
    """There is no git here, no repository, or no commit in it; the message says which."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit that is checked out.

    `tags` are those on it, the highest version first. `dirty` tells whether anything differs from it, files that
    git does not know included. `source` is where it was cloned from, as a URL that names nobody, or "".
    """

    revision: str
    short: str
    committed: datetime
    tags: tuple[str, ...] = ()
    dirty: bool = False
    source: str = ""

    @property
    def tag(self) -> Tag:
        """The tag for an image made from it: `v1.2.3`, else its short hash; with `-dirty` if it is."""
        usable = filter(None, map(_as_tag, self.tags))
        return Tag(f"{next(usable, self.short)}{'-dirty' if self.dirty else ''}")


def read_checkout(folder: Path) -> Checkout:
    """Ask git what is checked out in a folder; raises NoCheckout."""
    try:
        revision, short, committed = _git(
            folder, "log", "-1", "--no-show-signature", "--format=%H%n%h%n%cI"
        ).splitlines()
    except (CommandFailed, CommandMissing) as error:
        raise NoCheckout(_reason(error)) from error
    return Checkout(
        revision,
        short,
        datetime.fromisoformat(committed),
        tuple(_git(folder, "tag", "--points-at", "HEAD", "--sort=-version:refname").splitlines()),
        bool(_git(folder, "status", "--porcelain")),
        _source(folder),
    )


def public_url(remote: str) -> str:
    """Return a remote's address as a URL without user name and password; "" for a path on this machine."""
    if "://" not in remote and (short := _SCP.fullmatch(remote)):
        remote = f"https://{short['host']}/{short['path']}"
    url = urlsplit(remote)
    if url.scheme not in _REMOTES or not url.hostname:
        return ""
    if url.scheme not in _HTTP:  # whoever reads the label has no key, but a browser
        url = url._replace(scheme="https", netloc=url.hostname)
    host = url.netloc.rpartition("@")[2]
    return url._replace(netloc=host, path=url.path.removesuffix(".git"), query="", fragment="").geturl()


def _source(folder: Path) -> str:
    try:
        return public_url(_git(folder, "remote", "get-url", "origin").strip())
    except CommandFailed:
        return ""


def _as_tag(name: str) -> Tag | None:
    try:
        return Tag(name)
    except UsageError:
        return None


def _git(folder: Path, *words: str) -> str:
    # Without optional locks git only looks: `git status` would else write its index anew.
    return run(["git", "--no-optional-locks", "-C", str(folder), *words], timeout=_SECONDS)


def _reason(error: CommandFailed | CommandMissing) -> str:
    if isinstance(error, CommandMissing):
        return error.message
    said = [line for line in error.output.splitlines() if line.strip()]
    return said[0].removeprefix("fatal: ") if said else error.message
