"""Making the checks one after the other: the time, the verdict, and everything removed in the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ducklake_registry.acceptance.check import Category, CheckSkipped, NotSupported, OverLimit
from ducklake_registry.acceptance.facts import look_around
from ducklake_registry.acceptance.results import Acceptance, Result, Verdict
from ducklake_registry.acceptance.site import find_site
from ducklake_registry.errors import (
    DeleteDisabled,
    DlrError,
    EngineError,
    RegistryUnreachable,
    TimeoutExpired,
    UsageError,
)
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ducklake_registry.acceptance.baseline import Baseline
    from ducklake_registry.acceptance.check import Check, Evidence
    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.engine.client import Engine
    from ducklake_registry.step import Report


def select(checks: Sequence[Check], categories: Sequence[Category], exclude: Sequence[str]) -> list[Check]:
    """Choose the checks of some categories (of all if none is named) without the excluded ones.

    `exclude` are categories, or paths of checks like "tags/pages" and "performance/*". Raises UsageError for
    one that matches nothing, and when nothing is left.
    """
    for pattern in exclude:
        if not any(_matches(each, pattern) for each in checks):
            known = ", ".join(dict.fromkeys(str(each.category) for each in checks))
            raise UsageError(
                f"there is no check {pattern!r} to exclude",
                f"name a category ({known}), or a check like {checks[0].path}",
            )
    chosen = [
        each
        for each in checks
        if (not categories or each.category in categories)
        and not any(_matches(each, pattern) for pattern in exclude)
    ]
    if not chosen:
        raise UsageError("no check is left to be made", "exclude less")
    return chosen


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where to look for what the registry runs on: the cluster with its namespace, and the Docker Engine."""

    cluster: Cluster
    namespace: str
    engine: Engine


def accept(
    checks: Sequence[Check], context: Context, around: Surroundings, baseline: Baseline, report: Report
) -> Acceptance:
    """Make the checks in their order, remove what they made, and return what was found.

    What was made is removed as well when this is interrupted. `report` hears which check is made. Raises
    UsageError for a context that there is not.
    """
    started, start = datetime.now(UTC).replace(microsecond=0), time.monotonic()
    results: list[Result] = []
    may_push = any(each.category is not Category.HEALTH for each in checks)
    with context.cleanup:
        if may_push:
            report("looking for what earlier runs have left")
        cleared = context.journal.clear(context.client) if may_push else []
        report("looking for its cluster and for an engine")
        context = _placed(context, around, may_push=may_push)
        making = _Making(context, baseline)
        for number, check in enumerate(checks, 1):
            report(f"{number}/{len(checks)} {check.path}")
            results.append(making.make(check))
        report("removing what was made")
        environment = look_around(context, results)
    return Acceptance(
        context.registry,
        started,
        time.monotonic() - start,
        tuple(results),
        tuple(context.cleanup.left_behind),
        tuple(cleared),
        context.limits,
        baseline.started,
        environment,
        baseline.otherwise(context.registry, environment.client),
    )


def _placed(context: Context, around: Surroundings, *, may_push: bool) -> Context:
    """Return the context with the cluster and the engine, as far as they can be had."""
    missing: dict[str, str] = {}
    site, engine = None, None
    try:
        site = find_site(around.cluster, around.namespace, context, may_push=may_push)
    except CheckSkipped as error:
        missing["site"] = error.message
    try:
        around.engine.version()
        engine = around.engine
    except EngineError as error:
        missing["engine"] = error.message
    return replace(context, site=site, engine=engine, missing=missing)


@dataclass(slots=True)
class _Making:
    """Makes single checks; when the registry has gone away, the others are not waited for one by one."""

    context: Context
    baseline: Baseline
    gone: str = ""

    def make(self, check: Check) -> Result:
        start = time.perf_counter()
        verdict, evidence, error = self._judge(check)
        return Result(
            check.category,
            check.name,
            verdict,
            round(time.perf_counter() - start, 6),
            evidence.text if evidence else _sentence(error),
            error.hint if error else None,
            evidence.measured if evidence else {},
            self._before(check) if evidence else {},
            evidence.samples if evidence else (),
        )

    def _judge(self, check: Check) -> tuple[Verdict, Evidence | None, DlrError | None]:
        try:
            self._must_go_on()
            return Verdict.PASSED, check.run(self.context), None
        except (CheckSkipped, DeleteDisabled) as error:
            return Verdict.SKIPPED, None, error
        except NotSupported as error:
            return Verdict.UNSUPPORTED, None, error
        except OverLimit as error:
            return Verdict.FAILED, error.evidence, error
        except RegistryUnreachable as error:
            self._look_whether_gone()
            return Verdict.FAILED, None, error
        except DlrError as error:
            return Verdict.FAILED, None, error

    def _must_go_on(self) -> None:
        if self.gone:
            raise CheckSkipped(f"the registry does not answer: {self.gone}")
        if not self.context.deadline.remaining:
            limit = spoken_duration(self.context.deadline.seconds)
            raise TimeoutExpired(f"not made within {limit}", "give it more: --timeout 15m")

    def _look_whether_gone(self) -> None:
        try:
            self.context.client.ping()
        except RegistryUnreachable as error:
            self.gone = error.message
        except DlrError:
            return  # it does answer

    def _before(self, check: Check) -> Mapping[str, float]:
        return self.baseline.measured.get(check.path, {})


def _sentence(error: DlrError | None) -> str:
    return "; ".join((error.message, *error.details)) if error else ""


def _matches(check: Check, pattern: str) -> bool:
    return pattern == check.category or fnmatchcase(check.path, pattern)
