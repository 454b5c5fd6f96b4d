"""Images between a registry and files: what is done, with the progress that a person sees."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ducklake_registry.oci import Platform
    from ducklake_registry.reference import Reference
    from ducklake_registry.registry import RegistryClient, Transfer
    from ducklake_registry.step import Report

_REDRAW_SECONDS = 0.1
_UNIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Transferred:
    """The result for whoever asked: sizes in bytes, `moved` of them over the network.

    With a dry run `moved` is what would be.
    """

    image: str
    digest: str
    size: int
    moved: int


@dataclass(frozen=True, slots=True)
class SaveImage:
    """Save an image from a registry into a folder or an archive."""

    client: RegistryClient
    reference: Reference
    target: Path
    platform: Platform | None = None
    dry_run: bool = False

    @property
    def title(self) -> str:
        """What this does, in a person's words."""
        return f"save {self.reference} to {self.target}"

    def run(self, report: Report) -> Transferred:
        """Do it. Raises RegistryError, UsageError, DlrError."""
        from ducklake_registry.registry import save

        bytes_ = _Progress(report)
        done = save(
            self.client,
            self.reference,
            self.target,
            platform=self.platform,
            dry_run=self.dry_run,
            expected=bytes_.expect,
            moved=bytes_.move,
        )
        return _result(self.reference, done)


@dataclass(frozen=True, slots=True)
class LoadImage:
    """Load an image from a folder or an archive into a registry; `name` chooses one of several."""

    client: RegistryClient
    source: Path
    reference: Reference
    name: str | None = None
    platform: Platform | None = None
    dry_run: bool = False

    @property
    def title(self) -> str:
        """What this does, in a person's words."""
        return f"load {self.source} into {self.reference}"

    def run(self, report: Report) -> Transferred:
        """Do it. Raises RegistryError, UsageError, DlrError."""
        from ducklake_registry.registry import load

        bytes_ = _Progress(report)
        done = load(
            self.client,
            self.source,
            self.reference,
            name=self.name,
            platform=self.platform,
            dry_run=self.dry_run,
            expected=bytes_.expect,
            moved=bytes_.move,
        )
        return _result(self.reference, done)


def _result(reference: Reference, done: Transfer) -> Transferred:
    return Transferred(str(reference), str(done.digest), done.size, done.moved)


@dataclass(slots=True)
class _Progress:
    """Tells how many bytes have been moved, as often as an eye can follow."""

    report: Report
    expected: int = 0
    moved: int = 0
    _started: float = field(default_factory=time.monotonic)
    _next: float = 0.0

    def expect(self, count: int) -> None:
        self.expected = count

    def move(self, count: int) -> None:
        self.moved += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _REDRAW_SECONDS
            rate = self.moved / _UNIT / max(now - self._started, 0.001)
            self.report(f"{self.moved / _UNIT:.0f} of {self.expected / _UNIT:.0f} MB, {rate:.0f} MB/s")
