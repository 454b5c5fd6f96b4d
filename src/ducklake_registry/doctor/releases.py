"""Which releases of the registry have faults that are known, and what they are.

Sources: the security advisories of distribution/distribution; for the support of 2.8 its pull request 4862.
"""

from __future__ import annotations

import re
from typing import NamedTuple

Release = tuple[int, int, int, int]
"""Major, minor, patch, and which candidate of it; _FINAL for the release itself."""

_FINAL = 1_000_000
_BETA, _CANDIDATE = 0, 1000
_FORM = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-(alpha|beta|rc)\.?(\d+))?")


class Fault(NamedTuple):
    """A known fault of the releases from `since` up to, not including, `fixed`."""

    since: str
    fixed: str
    what: str


class Outdated(NamedTuple):
    """That a release has known faults: what was seen, and what it means."""

    seen: str
    means: str


FAULTS = (
    Fault("0.0.0", "2.6.2", "CVE-2017-11468 (a manifest of any size uses up the memory)"),
    Fault("0.0.0", "2.8.0", "CVE-2021-41190 (one manifest can be read as two)"),
    Fault("0.0.0", "2.8.2-beta.1", "CVE-2023-2253 (one request to the catalog uses up the memory)"),
    Fault("3.0.0-beta.1", "3.0.0-rc.3", "CVE-2025-24976 (a forged token is accepted)"),
    Fault("0.0.0", "3.1.0", "CVE-2026-33540 and CVE-2026-35172"),
)
_NO_LONGER = (3, 0, 0, 0)
"""Releases before this one get no more fixes."""


def outdated(said: str, image: str) -> Outdated | None:
    """Return what is known against a release; None for a sound one, or one that cannot be told.

    `said` is what the program says with `--version`, and counts; without it the image's tag does, if it is a
    version.
    """
    found = release(said) or release(image.rpartition(":")[2])
    if found is None:
        return None
    faults = [each.what for each in FAULTS if _of(each.since) <= found < _of(each.fixed)]
    if not faults:
        return None
    ended = ", and releases before 3.0 get no more fixes" if found < _NO_LONGER else ""
    name = number(said) or number(image.rpartition(":")[2])
    return Outdated(f"the registry is release {name}, which has known faults", "; ".join(faults) + ended)


def release(text: str) -> Release | None:
    """Read the release in a text: "registry github.com/distribution/distribution/v3 v3.1.2", "2.8.2+ds1"."""
    words = text.split()
    match = _FORM.match(words[-1]) if words else None
    if match is None:
        return None
    candidate = _FINAL if match[4] is None else {"rc": _CANDIDATE}.get(match[4], _BETA) + int(match[5])
    return int(match[1]), int(match[2]), int(match[3]), candidate


def number(text: str) -> str:
    """Return the release in a text as people write it: "3.1.2"; "" where there is none."""
    found = release(text)
    return ".".join(map(str, found[:3])) if found else ""


def _of(text: str) -> Release:
    found = release(text)
    assert found is not None, text  # noqa: S101 - the table above
    return found
