"""`Check`: one thing that a registry has to do, and how to see that it does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from ducklake_registry.errors import DlrError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ducklake_registry.acceptance.context import Context


class Category(StrEnum):
    """What a check is about; in the order in which they are made."""

    HEALTH = "health"
    CATALOG = "catalog"
    TAGS = "tags"
    STORAGE = "storage"
    PERFORMANCE = "performance"
    IMAGES = "images"


class CheckFailed(DlrError):
    """The registry does not do what the check is about; any other DlrError of a check means the same."""


class CheckSkipped(DlrError):
    """The check cannot be made here; the message is the reason."""


class NotSupported(DlrError):
    """The registry does not have what the check is about, and says so as it should."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a check has seen; `measured` are numbers to compare from run to run, in seconds or bytes a second.

    `samples` are the seconds of the single requests that the numbers were taken from, in the order of asking.
    """

    text: str
    measured: Mapping[str, float] = field(default_factory=dict)
    samples: tuple[float, ...] = ()


class OverLimit(CheckFailed):
    """What was measured is beyond the limit that was set for it."""

    def __init__(self, message: str, evidence: Evidence) -> None:
        super().__init__(message)
        self.evidence = replace(evidence, text=f"{message}: {evidence.text}")


@dataclass(frozen=True, slots=True)
class Check:
    """A named check; `run` returns its evidence, or raises.

    CheckSkipped and NotSupported are verdicts of their own, every other DlrError is a failure.
    """

    category: Category
    name: str
    run: Callable[[Context], Evidence]

    @property
    def about(self) -> str:
        """What has to be so, in a sentence."""
        said = getattr(self.run, "func", self.run).__doc__ or ""
        return " ".join(said.partition(" Source:")[0].split())

    @property
    def path(self) -> str:
        """Its name with its category's, like "tags/pages"."""
        return f"{self.category}/{self.name}"


def expect(truth: object, otherwise: str) -> None:
    """Raise CheckFailed, with what was seen instead, unless something is so."""
    if not truth:
        raise CheckFailed(otherwise)
