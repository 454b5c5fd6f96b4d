"""Examining all links at once, and then judging them in their order: what comes first explains what follows."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ducklake_registry.doctor.finding import Checkup, Examined, Look, State
from ducklake_registry.errors import DlrError, UsageError
from ducklake_registry.reports.asking import asking
from ducklake_registry.reports.objects import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.doctor.finding import Finding
    from ducklake_registry.doctor.link import Link
    from ducklake_registry.doctor.patient import Patient


@dataclass(frozen=True, slots=True)
class _Seen:
    """What came of looking at a link: `look` is None where it could not be seen, for the reason `why`."""

    look: Look | None
    why: str
    seconds: float


def examine(links: Sequence[Link], patient: Patient) -> Checkup:
    """Look at every link, each in a thread of its own, and judge. Raises UsageError."""
    start = time.monotonic()
    early = patient.anticipate()
    with asking(len(links) + len(early)) as questions:
        for fact in early:
            questions.ask("", fact)
        asked = [questions.ask(link.name, partial(_seen, link, patient)) for link in links]
        seen = [each.get() for each in asked]
        registry, context = patient.endpoint.name, patient.context if patient.belongs else None
    examined, findings = judge(links, seen)
    return concluded(
        Checkup(
            healthy=False,
            verdict="",
            broken_at=None,
            registry=registry,
            context=context,
            namespace=patient.case.namespace,
            seen=now(),
            seconds=round(time.monotonic() - start, 3),
            links=examined,
            findings=findings,
        )
    )


def _seen(link: Link, patient: Patient) -> _Seen:
    start = time.monotonic()
    try:
        look, why = link.examine(patient), ""
    except UsageError:
        raise
    except DlrError as error:
        look, why = None, error.message
    return _Seen(look, why, round(time.monotonic() - start, 3))


def judge(links: Sequence[Link], seen: Sequence[_Seen]) -> tuple[tuple[Examined, ...], tuple[Finding, ...]]:
    """Tell for each link whether it is broken by itself or because of an earlier one."""
    blamed: dict[str, str] = {}
    examined: list[Examined] = []
    findings: list[Finding] = []
    for link, each in zip(links, seen, strict=True):
        cause = next((blamed[name] for name in _nearest(links, link) if name in blamed), None)
        own = [_placed(finding, link.name, cause) for finding in (each.look.findings if each.look else ())]
        state = _state(each, own, cause)
        if state is State.BROKEN:
            blamed[link.name] = link.name
        elif cause and state in {State.FOLLOWS, State.NOT_APPLICABLE}:
            blamed[link.name] = cause
        said = each.look.said if each.look else each.why
        follows = cause if state is State.FOLLOWS else None
        examined.append(Examined(link.name, state, said, each.seconds, follows))
        findings += own
    return tuple(examined), tuple(findings)


def _nearest(links: Sequence[Link], link: Link) -> list[str]:
    """Return the links that a link hangs on directly, the one that is nearest to it on the way first."""
    return [each.name for each in reversed(links) if each.name in link.after]


def _placed(finding: Finding, link: str, cause: str | None) -> Finding:
    follows = cause if finding.breaks and not finding.independent else None
    return replace(finding, link=link, follows_from=follows)


def _state(seen: _Seen, findings: Sequence[Finding], cause: str | None) -> State:
    if seen.look is None:
        return State.FOLLOWS if cause else State.UNKNOWN
    if not seen.look.applicable:
        return State.NOT_APPLICABLE
    if any(each.breaks and each.follows_from is None for each in findings):
        return State.BROKEN
    if any(each.breaks for each in findings):
        return State.FOLLOWS
    return State.WARNING if findings else State.SOUND


def concluded(checkup: Checkup) -> Checkup:
    """Return the checkup with its verdict."""
    broken = [each for each in checkup.links if each.state is State.BROKEN]
    if broken:
        first = next(
            each for each in checkup.findings if each.link == broken[0].link and each.follows_from is None
        )
        also = f"; also broken: {', '.join(each.link for each in broken[1:])}" if broken[1:] else ""
        return replace(checkup, verdict=f"broken at {first.link}: {first.seen}{also}", broken_at=first.link)
    unseen = [each.link for each in checkup.links if each.state is State.UNKNOWN]
    verdict = f"healthy, as far as it can be seen without {', '.join(unseen)}" if unseen else "healthy"
    count = len(checkup.findings)
    warned = f", with {count} warning{'' if count == 1 else 's'}" if count else ""
    return replace(checkup, healthy=True, verdict=verdict + warned)
