"""What is found along the way to the registry, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Severity(StrEnum):
    """Whether something keeps people from their work, or will, or surprises them one day."""

    BROKEN = "broken"
    WARNING = "warning"


class State(StrEnum):
    """How a link of the way is: `follows` is one that is broken, or not to be seen, because of an earlier one."""

    SOUND = "sound"
    BROKEN = "broken"
    FOLLOWS = "follows"
    WARNING = "warning"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


class Remedy(StrEnum):
    """A repair that loses nothing, so that `--fix` may make it; `repairs.py` knows how."""

    START_NODES = "start the nodes"
    DEPLOY_KIND = "make the environment"
    ADD_CONTEXT = "write the kube context anew"
    DEFAULT_CLASS = "make the storage class the default"
    DEPLOY_REGISTRY = "deploy the registry again"
    RESTART = "start the registry anew"
    LOAD_IMAGE = "bring the registry's image into the nodes"
    WIRE_NODES = "wire the nodes"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: what was seen, what it means, and the command that repairs it.

    `remedy` is what `--fix` would do. `link` is where it was found, `follows_from` the earlier link whose break
    explains it. One that is `independent` would be there whatever the earlier links are.
    """

    seen: str
    means: str
    repair: str
    severity: Severity = Severity.BROKEN
    remedy: Remedy | None = None
    independent: bool = False
    link: str = ""
    follows_from: str | None = None

    @property
    def breaks(self) -> bool:
        """Whether the link is broken by it."""
        return self.severity is Severity.BROKEN


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one link has shown: a few words, and what is wrong with it."""

    said: str
    findings: tuple[Finding, ...] = ()
    applicable: bool = True


def sound(said: str, *findings: Finding | None) -> Look:
    """Return a look at a link; there may be findings about it all the same."""
    real = tuple(filter(None, findings))
    return Look(real[0].seen if real else said, real)


def not_applicable(why: str) -> Look:
    """Return a look at a link that the way to this registry does not have."""
    return Look(why, applicable=False)


@dataclass(frozen=True, slots=True)
class Examined:
    """One link after the examination; `seconds` is how long the look took.

    `follows_from` is the broken link that explains this one.
    """

    link: str
    state: State
    said: str
    seconds: float
    follows_from: str | None = None


@dataclass(frozen=True, slots=True)
class Checkup:
    """The whole way at a time (`seen`), in its order; `broken_at` is the first broken link.

    `findings` are in the order of the links, those that follow from others among them.
    """

    healthy: bool
    verdict: str
    broken_at: str | None
    registry: str
    context: str | None
    namespace: str
    seen: datetime
    seconds: float
    links: tuple[Examined, ...]
    findings: tuple[Finding, ...]
