"""Why a pod does not run: its own state, its events, its log, and what a person can do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.kinds import EVENT
from ducklake_registry.cluster.workload import is_registry, newest_pods
from ducklake_registry.errors import ClusterError, RolloutFailed

if TYPE_CHECKING:
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.manifests import Object

# Waiting reasons of a healthy start; every other one is trouble.
_NORMAL = {"ContainerCreating", "PodInitializing"}

_NO_IMAGE = r"ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName"
_NO_VOLUME = r"unbound .*PersistentVolumeClaim|persistentvolumeclaim"
_NO_ROOM = r"Insufficient (cpu|memory)"
_HELD_BACK = r"ErrImagePull|ImagePullBackOff|CrashLoopBackOff|RunContainerError"
_NOT_STARTED = r"StartError"
_CRASHED = r"CrashLoopBackOff|exited with"

_COMMON_HINTS = (
    (r"[Nn]o space left|disk-pressure|ephemeral-storage", "free space on the node's disk, or enlarge the volume"),
    (
        r"violates PodSecurity|exceeded quota|forbidden",
        "the cluster's policies refuse the pod: its administrator can tell which and why",
    ),
)
_HINTS = (
    (
        _NO_IMAGE,
        "name one that the nodes can pull with --registry-image, or bring it there: kind load docker-image IMAGE",
    ),
    (
        _NO_VOLUME,
        "see why the claim waits: {claim}; --storage-class names another class",
    ),
    (_NO_ROOM, "ask for less with --cpu and --memory, or add a node"),
    (_NOT_STARTED, "the image does not start as a registry does: name one that does with --registry-image"),
    (_CRASHED, "the log tells why: {log}"),
    *_COMMON_HINTS,
)
_WORKLOADS_HINTS = (
    (
        r"the pod (\S+) of the version before",
        "its StatefulSet waits for it, so delete it: kubectl --context {context} delete pod -n {namespace} {0}",
    ),
    (
        _NO_IMAGE,
        "correct the name, list it under [[environment.build]], or bring it there: kind load docker-image IMAGE",
    ),
    (_NO_VOLUME, "see why the claim waits: kubectl --context {context} describe pvc -n {namespace}"),
    (_NO_ROOM, "ask for less in its resources.requests, or add a node"),
    (_NOT_STARTED, "nothing was started, so there is no log: correct its command, or the image's entrypoint"),
    (_CRASHED, "the log tells why: kubectl --context {context} logs -n {namespace} {log}"),
    *_COMMON_HINTS,
)

_NO_LOG = "unable to retrieve container logs"
"""What the kubelet gives as the log of a run that it has already cleared away."""


def pod_trouble(pod: Object) -> str | None:
    """Return what keeps a pod from running, as "Reason: message"; None when it runs or is on a good way."""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return f"{status.get('reason', 'Failed')}: {status.get('message', 'the pod has failed')}"
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}"
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return next(filter(None, map(_container_trouble, containers)), None)


def is_held_back(pod: Object) -> bool:
    """Return whether a pod waits to be tried again, which may take five minutes.

    Source: "Image pull back-off" and "Container restart policy" of Kubernetes' documentation.
    """
    return re.match(_HELD_BACK, pod_trouble(pod) or "") is not None


def _container_trouble(container: Object) -> str | None:
    waiting = container.get("state", {}).get("waiting")
    if waiting and waiting.get("reason") not in _NORMAL:
        ended = container.get("lastState", {}).get("terminated")
        exit_ = f" (exited with {ended['exitCode']}, {ended.get('reason', 'Error')})" if ended else ""
        return f"{waiting.get('reason', 'Waiting')}{exit_}: {waiting.get('message', '')}".rstrip(": ")
    ended = container.get("state", {}).get("terminated")
    if ended and ended["exitCode"]:
        return f"{ended.get('reason', 'Error')}: exited with {ended['exitCode']}"
    return None


def diagnose(cluster: Cluster, workload: Object, message: str) -> RolloutFailed:
    """Return an error that says why a workload's pod does not run: the one in trouble, or else the newest.

    Its details are the last events around the pod and the last lines of its log; evidence that the cluster will
    not give is left out.
    """
    namespace, name = workload["metadata"]["namespace"], workload["metadata"]["name"]
    details: list[str] = []
    pod: Object = {}
    try:
        pods = newest_pods(cluster, workload)
        pod = next(filter(pod_trouble, pods), next(iter(pods), {}))
        names = [name, *([pod["metadata"]["name"], *_claims(pod)] if pod else ())]
        details += [f"event: {text}" for text in last_events(cluster, namespace, names)]
        details += [f"log: {line}" for line in last_log_lines(cluster, pod)] if pod else []
    except ClusterError as error:
        details.append(f"no further evidence: {error.message}")
    text = " ".join((message, *details))
    if is_registry(workload):
        hint = hint_for(text, Commands.of(cluster, namespace), cluster.context)
    else:
        hint = _workloads_hint(text, cluster, workload, pod)
    return RolloutFailed(message, hint, tuple(details))


def hint_for(trouble: str, commands: Commands, context: str) -> str | None:
    """Return what a person can do about trouble of the registry's pod, as far as it is known."""
    claim = commands.kubectl(context, "describe pvc -n", commands.namespace)
    return _hint(_HINTS, trouble, claim=claim, log=commands.dlr("logs", previous=True))


def _workloads_hint(trouble: str, cluster: Cluster, workload: Object, pod: Object) -> str | None:
    metadata = workload["metadata"]
    log = f"{workload['kind'].lower()}/{metadata['name']} -c {_telling(pod).get('name', '…')}"
    return _hint(_WORKLOADS_HINTS, trouble, namespace=metadata["namespace"], context=cluster.context, log=log)


def _hint(hints: tuple[tuple[str, str], ...], trouble: str, **names: str) -> str | None:
    found = ((hint, re.search(pattern, trouble)) for pattern, hint in hints)
    return next((hint.format(*match.groups(), **names) for hint, match in found if match), None)


def no_registry(cluster: Cluster, namespace: str) -> ClusterError:
    """Return the error that says that a namespace has no registry."""
    where = f"namespace {namespace} of context {cluster.context}"
    deploy = Commands.of(cluster, namespace).dlr("deploy-registry")
    return ClusterError(f"there is no registry in {where}", hint=f"`{deploy}` deploys one")


def last_events(cluster: Cluster, namespace: str, names: list[str], count: int = 4) -> list[str]:
    """Return the newest warnings (else the newest events) about the objects of these names, oldest first."""
    about = [each for each in cluster.objects(EVENT, namespace) if each["involvedObject"].get("name") in names]
    warnings = [each for each in about if each.get("type") == "Warning"] or about
    newest = sorted(warnings, key=event_time)[-count:]
    return list(
        dict.fromkeys(f"{each.get('reason', '')}: {' '.join(each.get('message', '').split())}" for each in newest)
    )


def event_time(event: Object) -> str:
    """Return when an event was last seen, as RFC 3339 (which sorts as time does)."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )


def last_log_lines(cluster: Cluster, pod: Object, count: int = 5) -> list[str]:
    """Return the end of the log of a pod's container, of the run that failed when it was started again since."""
    namespace, name, one = pod["metadata"]["namespace"], pod["metadata"]["name"], _telling(pod)
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/log?tailLines={count}"
    path += f"&container={one['name']}" if "name" in one else ""
    again = one.get("restartCount") and "terminated" not in one.get("state", {})
    found = _lines(cluster, f"{path}&previous=true") if again else []
    return found or _lines(cluster, path)


def _lines(cluster: Cluster, path: str) -> list[str]:
    """Return the lines of a log; none of a run that has never been, or whose log the node has no longer."""
    try:
        text = cluster.raw(path)
    except ClusterError:
        return []
    return [line for line in text.splitlines() if line.strip() and not line.startswith(_NO_LOG)]


def _telling(pod: Object) -> Object:
    """Return the status of the container whose log tells most: one in trouble, else not ready, else the first."""
    status = pod.get("status", {})
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    unready = (each for each in status.get("containerStatuses", ()) if not each.get("ready"))
    return next(filter(_container_trouble, containers), next(unready, next(iter(containers), {})))


def _claims(pod: Object) -> list[str]:
    volumes = pod["spec"].get("volumes", ())
    return [each["persistentVolumeClaim"]["claimName"] for each in volumes if "persistentVolumeClaim" in each]
