"""Performance: how long answers take, alone and in a crowd, and how fast bytes go up and down.

The times are those of this client, Python's own work included: they compare runs, not registries of other tools.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ducklake_registry.acceptance import answers
from ducklake_registry.acceptance.check import Category, Check, Evidence, OverLimit
from ducklake_registry.acceptance.content import Noise
from ducklake_registry.acceptance.context import PERFORMANCE
from ducklake_registry.errors import NotFound
from ducklake_registry.oci import Descriptor, media_types
from ducklake_registry.registry import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.registry import Answer

_CROWD = 16
_SAMPLES = {1: 100, _CROWD: 400}
_LEAST_SAMPLES = 20
_LONGEST = 5.0
"""Seconds that one measurement may take once it has its least samples."""

_BLOB = Noise(64 * 1024 * 1024)
_MIB = 1024 * 1024
_OTHER_RUNS = 2
"""So many others may end, and remove the blob that all share, at the moment when it is to be read."""

_ACCEPT = {"Accept": media_types.ACCEPT_MANIFESTS}


@dataclass(frozen=True, slots=True)
class Latency:
    """How long requests took, in seconds; `rate` is how many were answered in a second."""

    p50: float
    p95: float
    p99: float
    rate: float
    samples: tuple[float, ...]

    @classmethod
    def of(cls, samples: Sequence[float], took: float) -> Latency:
        """Take the percentiles by nearest rank."""
        ordered = sorted(samples)
        p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99))
        return cls(p50, p95, p99, len(ordered) / took, tuple(samples))

    def evidence(self) -> Evidence:
        """Return it in words and in numbers."""
        named = {"p50": self.p50, "p95": self.p95, "p99": self.p99}
        text = ", ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in named.items())
        measured = {f"{name}_seconds": round(value, 6) for name, value in named.items()}
        return Evidence(f"{text}, {self.rate:.0f}/s", measured, self.samples)


Question = tuple[str, str]
"""A method, and what is asked for in the repository that is measured; the latter empty for a ping."""


def latency(question: Question, in_flight: int, context: Context) -> Evidence:
    """Each of many requests, so many at once, is answered right, and within the limit if there is one."""
    repository, tag = PERFORMANCE, context.tag("measured")
    context.push_new(repository, "measured", tag)
    method, rest = question[0], question[1].format(tag=tag)
    ask = partial(_ask, context, method, repository, rest)
    for _ in in_parallel(lambda _: ask(), range(2 * in_flight), in_flight):
        pass  # connecting is not what is measured
    found = _measure(ask, in_flight).evidence()
    limit = context.limits.max_p95
    if limit is not None and found.measured["p95_seconds"] > limit:
        raise OverLimit(f"p95 is above {limit * 1000:g} ms", found)
    return found


def push(context: Context) -> Evidence:
    """A blob of 64 MiB goes up."""
    repository, digest = PERFORMANCE, _BLOB.digest()
    context.will_have_blob(repository, digest)
    start = time.perf_counter()
    # Sent even if it is there: another run may be using it, or was killed before it could remove it.
    context.client.send_blob(repository, _BLOB, digest)
    return _throughput(context, time.perf_counter() - start)


def pull(context: Context) -> Evidence:
    """A blob of 64 MiB comes down, and is what its digest names."""
    repository = PERFORMANCE
    context.will_have_blob(repository, _BLOB.digest())
    for _ in range(_OTHER_RUNS):
        with contextlib.suppress(NotFound):  # another run has ended in between, and removed what is both's
            return _throughput(context, _pull(context, repository))
    return _throughput(context, _pull(context, repository))


def _pull(context: Context, repository: str) -> float:
    """Put the blob there unless it is; return the seconds that it takes to come down."""
    blob = Descriptor(media_types.OCTET_STREAM, _BLOB.digest(), _BLOB.size)
    context.client.upload_blob(repository, _BLOB, blob.digest)
    start = time.perf_counter()
    with context.client.blob(repository, blob) as reader:
        for _ in reader:
            pass  # the reader verifies
    return time.perf_counter() - start


def _ask(context: Context, method: str, repository: str, rest: str) -> float:
    """Ask once and return the seconds that it took."""
    start = time.perf_counter()
    answer: Answer = context.ask(method, repository, rest, _ACCEPT) if rest else context.client.ask("GET", "/v2/")
    seconds = time.perf_counter() - start
    answers.status(answer, 200)
    return seconds


def _measure(ask: Callable[[], float], in_flight: int) -> Latency:
    start = time.perf_counter()
    samples = list(in_parallel(lambda _: ask(), _turns(_SAMPLES[in_flight], start), in_flight))
    return Latency.of(samples, time.perf_counter() - start)


def _turns(most: int, start: float) -> Iterator[int]:
    """Count up to `most`, or less if it takes too long."""
    enough = (n >= _LEAST_SAMPLES and time.perf_counter() - start > _LONGEST for n in itertools.count())
    return (n for n, _ in zip(range(most), itertools.takewhile(lambda over: not over, enough), strict=False))


def _throughput(context: Context, seconds: float) -> Evidence:
    speed = _BLOB.size / seconds
    evidence = Evidence(
        f"{_BLOB.size / _MIB:.0f} MiB in {seconds:.2f} s, {speed / _MIB:.0f} MiB/s",
        {"bytes_per_second": round(speed)},
    )
    least = context.limits.min_throughput
    if least is not None and speed < least:
        raise OverLimit(f"less than {least / _MIB:.0f} MiB/s", evidence)
    return evidence


_QUESTIONS: dict[str, Question] = {
    "ping": ("GET", ""),
    "tags": ("GET", "tags/list"),
    "manifest-head": ("HEAD", "manifests/{tag}"),
    "manifest-get": ("GET", "manifests/{tag}"),
}

CHECKS = (
    *(
        Check(Category.PERFORMANCE, f"{name}-{in_flight}", partial(latency, question, in_flight))
        for name, question in _QUESTIONS.items()
        for in_flight in _SAMPLES
    ),
    Check(Category.PERFORMANCE, "push", push),
    Check(Category.PERFORMANCE, "pull", pull),
)
