"""A workload's log: what its pod writes, and what the pod writes that takes its place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.diagnosis import hint_for, no_registry, pod_trouble
from ducklake_registry.cluster.kinds import DEPLOYMENT
from ducklake_registry.cluster.workload import container, newest_pods, run_of
from ducklake_registry.errors import ClusterError, ClusterUnreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object
    from ducklake_registry.step import Report

_PAUSE = 0.5
"""Seconds between two looks whether there is something to follow."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Which part of a log is wanted: the last `tail` lines, those of the last `since` seconds, or all.

    `previous` means the run before the last restart.
    """

    tail: int | None = None
    since: float | None = None
    previous: bool = False

    def query(self, **more: str) -> str:
        """Return it as the API's parameters, with `more` of them."""
        wanted = {"tailLines": self.tail, "sinceSeconds": self.since and max(1, round(self.since))}
        given = {key: str(value) for key, value in wanted.items() if value is not None}
        return urlencode(given | ({"previous": "true"} if self.previous else {}) | more)


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a Deployment's newest pod. Lines are bytes, with their end, as the program wrote them."""

    cluster: Cluster
    namespace: str
    deployment: str

    def read(self, excerpt: Excerpt) -> Iterator[bytes]:
        """Give the lines that are there now.

        Raises ClusterError when there is no such Deployment, no pod, or none that has written anything yet.
        """
        pod, commands = self._pod(), Commands.of(self.cluster, self.namespace)
        if pod is None:
            hint = f"see what it waits for: {commands.dlr('registry-status')}"
            raise ClusterError(f"{self.deployment} has no pod, and so no log", hint)
        if run_of(pod) is None:
            trouble = pod_trouble(pod) or "it is still starting"
            hint = (
                hint_for(trouble, commands, self.cluster.context)
                or f"wait for it: {commands.dlr('logs', follow=True)}"
            )
            raise ClusterError(f"pod {_name(pod)} has no log yet: {trouble}", hint)
        if excerpt.previous and not container(pod).get("restartCount"):
            message = f"pod {_name(pod)} has had no previous run: it was never restarted"
            raise ClusterError(message, hint="leave --previous out to see the run that goes on")
        yield from self.cluster.stream(_path(pod, excerpt.query()))

    def follow(self, excerpt: Excerpt, report: Report) -> Iterator[bytes]:
        """Give the lines that are there and all that come, from one run after the other, without an end.

        A lost connection is made again, and no line is given twice. `report` hears of each pod and each wait.
        Raises UsageError for a previous run, ClusterError when there is no such Deployment, or no longer.
        """
        if excerpt.previous:
            raise UsageError(
                "a run that has ended cannot be followed", hint="--previous without --follow shows it"
            )
        run, last = None, b""
        while True:
            pod = self._wait_for_run(run, report)
            if run is not None and run != run_of(pod):
                report(f"going on with pod {_name(pod)}")
                excerpt, last = Excerpt(), b""  # all that the new run has written is new
            run = run_of(pod)
            for when, line in self._timed(pod, excerpt, last):
                last = when
                yield line
            time.sleep(_PAUSE)

    def _timed(self, pod: Object, excerpt: Excerpt, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Give each line with the time when it was written, until the run or the connection ends."""
        since = {"sinceTime": after.decode()} if after else {}
        path = _path(pod, excerpt.query(follow="true", timestamps="true", **since))
        try:
            for stamped in _lines(self.cluster.stream(path)):
                when, _, line = stamped.partition(b" ")
                if not when[:1].isdigit():  # the kubelet's own word, that it has no log
                    yield after, stamped
                # The server goes back to the beginning of the second, so some lines come again.
                elif when > after:
                    yield when, line
        except ClusterUnreachable:
            return  # whether the cluster is really away shows when the pod is looked for

    def _wait_for_run(self, known: str | None, report: Report) -> Object:
        """Return the newest pod once it has another run than the known one, or while that one goes on."""
        said = ""
        while True:
            pod = self._pod()
            if pod and (run := run_of(pod)) and (run != known or "running" in container(pod)["state"]):
                return pod
            waits = (pod and (pod_trouble(pod) or f"pod {_name(pod)} starts")) or "there is no pod"
            if waits != said:
                report(f"waiting: {waits}")
                said = waits
            time.sleep(_PAUSE)

    def _pod(self) -> Object | None:
        deployment = self.cluster.get(DEPLOYMENT, self.deployment, self.namespace)
        if deployment is None:
            raise no_registry(self.cluster, self.namespace)
        return next(iter(newest_pods(self.cluster, deployment)), None)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Give whole lines, with their ends, and what is left when the pieces end."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest


def _path(pod: Object, query: str) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{_name(pod)}/log?{query}"


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])
