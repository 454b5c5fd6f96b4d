"""The registry's pods: whether they run, and what they say when they do not."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ducklake_registry.cluster.diagnosis import hint_for, pod_trouble
from ducklake_registry.cluster.workload import container, progress
from ducklake_registry.doctor import laptop
from ducklake_registry.doctor.deploying import deploy_again, usual_image
from ducklake_registry.doctor.finding import Finding, Look, Remedy, Severity, sound
from ducklake_registry.doctor.kubernetes import ELSEWHERE
from ducklake_registry.doctor.releases import number, outdated
from ducklake_registry.errors import ClusterError, EngineError
from ducklake_registry.manifests import parse_quantity, usual_spec
from ducklake_registry.reports.objects import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.manifests import Object

_IMAGE_TROUBLE = re.compile(r"ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName")
_SHOWN = 3
_OUT_OF_MEMORY = "OOMKilled"
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<requested>\S+), used: (?P<used>\S+), limited:"
)
_LEAST_MEMORY = 1024**3
_MIB = 1024**2

# The registry's last words, the most telling first.
_LAST_WORDS = (
    re.compile(r"^(?:panic|fatal error): (?P<why>.+)"),
    re.compile(r'level=(?:fatal|panic)\b.*?msg="(?P<why>(?:[^"\\]|\\.)*)"'),
    re.compile(r"(?P<why>configuration error: .+)"),
    re.compile(r'level=error\b.*?msg="(?P<why>(?:[^"\\]|\\.)*)"'),
    re.compile(r"^(?:[Ee]rror: )?(?P<why>\S.+)"),
)


def pod(patient: Patient) -> Look:
    """As many pods as are wanted run, and take requests."""
    if not patient.belongs:
        return ELSEWHERE
    deployment = patient.deployment
    if deployment is None:
        where = f"namespace {patient.case.namespace} of context {patient.context}"
        means = "the registry was never deployed here, or somebody removed it"
        return sound("", deploy_again(patient, f"there is no registry in {where}", means))
    if deployment["spec"].get("replicas", 1) == 0:
        means = "somebody has stopped it: no pod is wanted"
        return sound("", deploy_again(patient, "the registry is scaled to 0 pods", means))
    if trouble := next(_troubles(patient, deployment), None):
        return sound("", trouble)
    now = progress(deployment)
    name = patient.pods[0]["metadata"]["name"] if patient.pods else "no pod"
    if now.ready < now.wanted:
        seen = f"{now.ready} of {now.wanted} pods ready; {name} is starting"
        repair = patient.case.dlr("registry-status", watch=True)
        return sound("", Finding(seen, "it takes no requests yet", repair))
    return sound(f"{name} runs release {number(patient.release) or 'unknown'}", *_warnings(patient))


def _troubles(patient: Patient, deployment: Object) -> Iterator[Finding]:
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield _refused(patient, condition["message"])
    for each in patient.pods[: progress(deployment).wanted]:
        if trouble := pod_trouble(each):
            yield _trouble(patient, each, trouble)


def _refused(patient: Patient, why: str) -> Finding:
    """Explain why the cluster lets nobody make the registry's pod."""
    seen = f"no pod can be made: {why}"
    if quota := _QUOTA.search(why):
        means = f"the namespace's quota {quota['name']} has no room for the registry's pod"
        return Finding(seen, means, _enlarge(patient, quota))
    means = "the cluster's rules refuse it: a limit, a pod security standard, or an admission webhook"
    return deploy_again(patient, seen, means)


def _enlarge(patient: Patient, quota: re.Match[str]) -> str:
    """Return what makes room in a quota and has the pod made: the cluster waits ever longer between its tries."""
    used, wanted = _amounts(quota["used"]), _amounts(quota["requested"])
    hard = {name: f"{parse_quantity(amount) + parse_quantity(used[name]):f}" for name, amount in wanted.items()}
    change = shlex.quote(json.dumps({"spec": {"hard": hard}}))
    where = ("--namespace", patient.case.namespace)
    patch = patient.case.kubectl(patient.context, "patch resourcequota", quota["name"], *where, "--patch", change)
    return f"{patch} && {patient.case.restart(patient.context)}"


def _amounts(text: str) -> dict[str, str]:
    """Read "limits.memory=512Mi,pods=1"."""
    return dict(each.split("=", 1) for each in text.split(","))


def _trouble(patient: Patient, pod: Object, trouble: str) -> Finding:
    """Explain what keeps a pod from running."""
    name, image = pod["metadata"]["name"], pod["spec"]["containers"][0]["image"]
    if _IMAGE_TROUBLE.search(trouble):
        return _no_image(patient, f"pod {name}: {trouble}", image)
    if "CrashLoopBackOff" in trouble or "exited with" in trouble:
        return _crash(patient, pod, f"pod {name} {_ended(trouble)}")
    if trouble.startswith("Unschedulable") and (placed := _placed(patient, f"pod {name}: {trouble}", trouble)):
        return placed
    means = "no node takes the pod" if trouble.startswith("Unschedulable") else "the pod cannot start"
    repair = patient.case.kubectl(patient.context, "describe pod", name, "--namespace", patient.case.namespace)
    hint = hint_for(trouble, patient.case.commands, patient.context)
    return Finding(f"pod {name}: {trouble}", f"{means}{f'; {hint}' if hint else ''}", repair)


def _placed(patient: Patient, seen: str, trouble: str) -> Finding | None:
    """Explain a pod that no node takes where a command changes that."""
    with suppress(ClusterError):
        cordoned = [each["metadata"]["name"] for each in patient.nodes if each["spec"].get("unschedulable")]
        if cordoned and "were unschedulable" in trouble:
            uncordon = patient.case.kubectl(patient.context, "uncordon", *cordoned)
            return Finding(seen, "no node takes the pod: one that could is cordoned", uncordon)
    if "unbound immediate PersistentVolumeClaims" in trouble:
        means = "no node takes the pod: that its claim can have a volume by now is seen only after some minutes"
        return Finding(seen, means, patient.case.restart(patient.context), remedy=Remedy.RESTART)
    usual, spec = usual_spec(), patient.spec
    memory, cpu = _no_more(spec.memory, usual.memory), _no_more(spec.cpu, usual.cpu)
    if "Insufficient" in trouble and (memory, cpu) != (spec.memory, spec.cpu):
        means = f"no node has as much as it asks for (memory {spec.memory}, cpu {spec.cpu})"
        return Finding(seen, means, patient.case.deploy_registry(replace(spec, memory=memory, cpu=cpu)))
    return None


def _no_more(chosen: str | None, usual: str | None) -> str | None:
    """Return what is usual where more was chosen."""
    return usual if chosen and usual and parse_quantity(chosen) > parse_quantity(usual) else chosen


def _no_image(patient: Patient, seen: str, image: str) -> Finding:
    """Tell an image that only has to be brought into the nodes from one that nobody has."""
    with suppress(EngineError):
        if patient.containers and patient.engine.image_id(image):
            means = f"the nodes do not have the registry's own image, but the engine has {image}"
            repair = patient.case.deploy_kind(str(patient.kind_name), patient.mapped or patient.endpoint.port)
            return Finding(seen, means, repair, remedy=Remedy.LOAD_IMAGE)
    means = f"the node can neither find nor pull {image}, from which the registry runs"
    return Finding(seen, means, patient.case.deploy_registry(replace(patient.spec, image=usual_image())))


def _crash(patient: Patient, pod: Object, what: str) -> Finding:
    """Say why the registry's program ends, in its own last words."""
    if _was_out_of_memory(pod):
        return _more_memory(patient, f"{what}: it was killed for want of memory", Severity.BROKEN)
    why = last_words(patient.log) or _start_error(pod)
    seen = f"{what}: {why}" if why else f"{what}, and its log is empty"
    if "no space left" in why:
        return Finding(seen, "the volume is full: the registry cannot write", _more_room(patient))
    if "permission denied" in why:
        means = "the volume's files are not the registry's to read or write (it runs as user 1000)"
        return deploy_again(patient, seen, means)
    means = "the registry's program ends as soon as it has started, and Kubernetes waits ever longer between tries"
    return deploy_again(patient, seen, means)


def _more_room(patient: Patient) -> str:
    """Return how a registry gets room that does not run, and so cannot give up images."""
    if patient.kind_name:
        return laptop.more_room(patient, "")  # its volume is a folder of the node
    size = Claim.of(patient.claim).size if patient.claim else 0
    return patient.case.deploy_registry(replace(patient.spec, storage_size=f"{max(2 * size // _MIB, 1024)}Mi"))


def _start_error(pod: Object) -> str:
    """Return why the node could not start the registry's program, if that is how it ended."""
    ended = container(pod).get("lastState", {}).get("terminated") or {}
    return str(ended.get("message", "")) if ended.get("reason") == "StartError" else ""


def last_words(log: list[str]) -> str:
    """Return the reason that a log's end gives for the end of the program; "" for an empty log."""
    for pattern in _LAST_WORDS:
        found = next(filter(None, map(pattern.search, reversed(log))), None)
        if found:
            return str(found["why"]).replace('\\"', '"').replace("\\n", " ").strip()
    return ""


def _warnings(patient: Patient) -> Iterator[Finding]:
    """Give what is wrong with a pod that runs all the same."""
    pod = patient.pods[0]
    if _was_out_of_memory(pod):
        seen = f"pod {pod['metadata']['name']} was killed for want of memory, and started again"
        yield _more_memory(patient, seen, Severity.WARNING)
    if any("no space left on device" in line for line in patient.log):
        means = "a push has failed; df may show space again by now, or the volume has a quota of its own"
        seen = 'its log says "no space left on device"'
        repair = patient.case.free_some(patient.context, patient.registry)
        yield Finding(seen, means, repair, Severity.WARNING)
    with suppress(ClusterError):
        if fault := outdated(patient.release, patient.spec.image or ""):
            usual = patient.case.deploy_registry(replace(patient.spec, image=usual_image()))
            yield Finding(fault.seen, fault.means, usual, Severity.WARNING)


def _was_out_of_memory(pod: Object) -> bool:
    """Tell whether the registry's last end, which may be where it stands, was for want of memory."""
    found = container(pod)
    ends = (found.get(state, {}).get("terminated") or {} for state in ("state", "lastState"))
    return any(each.get("reason") == _OUT_OF_MEMORY for each in ends)


def _more_memory(patient: Patient, seen: str, severity: Severity) -> Finding:
    """Propose twice the memory that was too little, and no less than a gibibyte."""
    limit = patient.spec.memory
    enough = max(_LEAST_MEMORY, 2 * int(parse_quantity(limit))) if limit else _LEAST_MEMORY
    wanted = "1Gi" if enough == _LEAST_MEMORY else f"{enough // _MIB}Mi"
    means = f"its limit of {limit} is too low" if limit else "it has no limit of its own, and the node no more"
    repair = patient.case.deploy_registry(replace(patient.spec, memory=wanted))
    return Finding(seen, f"{means} for what it is asked to do", repair, severity)


def _ended(trouble: str) -> str:
    status = re.search(r"exited with (\d+)", trouble)
    return f"restarts again and again (it ends with status {status[1]})" if status else "restarts again and again"
