"""The end of the way: pods get their images from the registry, or why not."""

from __future__ import annotations

import difflib
import shlex
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ducklake_registry.cluster import kinds
from ducklake_registry.doctor.finding import Finding, Look, Severity, sound
from ducklake_registry.doctor.kubernetes import ELSEWHERE
from ducklake_registry.doctor.owners import Owner
from ducklake_registry.doctor.wiring import names_of
from ducklake_registry.errors import Denied, DlrError, EngineError, NotFound, Unauthorized, UsageError
from ducklake_registry.reference import Reference, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.manifests import Object

_NEVER = "ErrImageNeverPull"
_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "RegistryUnavailable", _NEVER})
_SHOWN = 5
_SECRET = "registry-login"  # noqa: S105 - its name


@dataclass(frozen=True, slots=True)
class _Lacking:
    """A pod that does not get an image: the node's reason and words, and whether it has a secret for pulling.

    `container` is the one that wants the image, `among` the list that it is in, `owner` where that is changed.
    """

    pod: str
    reason: str
    said: str
    has_secret: bool
    container: str
    among: str
    owner: Owner


def pull(patient: Patient) -> Look:
    """Pods get their images from the registry."""
    if not patient.belongs:
        return ELSEWHERE
    tried = None
    if patient.case.thorough:
        from ducklake_registry.doctor.thorough import pulled

        tried = pulled(patient)
    seen = _seen(patient)
    if tried is None or not tried.applicable:
        return seen
    found = (*tried.findings, *seen.findings)
    return sound(
        tried.said, *sorted(found, key=lambda each: not each.breaks)
    )  # what is broken first: it is quoted


def _seen(patient: Patient) -> Look:
    """Look at the pods that there are."""
    pods = patient.cluster.objects(kinds.POD)
    failing = _failing(pods)
    findings = [_explained(patient, image, lacking) for image, lacking in list(failing.items())[:_SHOWN]]
    if findings:
        return sound("", *findings)
    own = {*names_of(patient), patient.endpoint.name}
    running = sum(_registry_of(image) in own for pod in pods for image in _images(pod))
    return sound(f"no pod fails to; {running} image{'' if running == 1 else 's'} of it in use")


def _failing(pods: list[Object]) -> dict[str, list[_Lacking]]:
    """Return, for each image that cannot be pulled, the pods that want it."""
    found: dict[str, list[_Lacking]] = {}
    for pod in pods:
        for among, status in _statuses(pod):
            waiting = status.get("state", {}).get("waiting") or {}
            if waiting.get("reason") in _NO_IMAGE:
                found.setdefault(status["image"], []).append(_lacking(pod, among, status["name"], waiting))
    return found


def _lacking(pod: Object, among: str, container: str, waiting: Object) -> _Lacking:
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    has_secret = bool(pod["spec"].get("imagePullSecrets"))
    said = waiting.get("message", "")
    return _Lacking(name, waiting["reason"], said, has_secret, container, among, Owner.of(pod))


def _statuses(pod: Object) -> Iterator[tuple[str, Object]]:
    """Give what a pod says of its containers, and which list of its spec those are in."""
    for among, key in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        yield from ((among, each) for each in pod.get("status", {}).get(key) or ())


def _images(pod: Object) -> Iterator[str]:
    for key in ("initContainers", "containers"):
        yield from (each.get("image", "") for each in pod["spec"].get(key) or ())


def _registry_of(image: str) -> str:
    try:
        return Reference.parse(image, default_registry="docker.io").registry
    except UsageError:
        return ""


def _explained(patient: Patient, image: str, lacking: list[_Lacking]) -> Finding:
    """Say why an image cannot be pulled: whether the registry has it tells the one side from the other."""
    first = lacking[0].pod
    who = f"pod {first}" if len(lacking) == 1 else f"{len(lacking)} pods ({first}, …)"
    seen = f"{who} cannot pull {image}"
    try:
        wanted = Reference.parse(image, default_registry="docker.io")
    except UsageError as error:
        return Finding(f"{seen}: {error.message}", "that is no name of an image", error.hint or "correct the name")
    own = {*names_of(patient), patient.endpoint.name}
    if all(each.reason == _NEVER for each in lacking):
        return _never(
            patient, image, who, lacking, Severity.BROKEN if wanted.registry in own else Severity.WARNING
        )
    if wanted.registry in own:
        return _of_ours(patient, wanted, seen, lacking)
    if wanted.registry == "docker.io" and _has(patient, _without_library(wanted)):
        means = f"the name has no registry in it, so the node looks at docker.io; {patient.endpoint.name} has it"
        right = f"{patient.endpoint.name}/{_without_library(wanted)}"
        return Finding(seen, means, _with_image(patient, lacking, right))
    if is_loopback(wanted.registry.partition(":")[0]):
        means = f"the nodes know no registry of the name {wanted.registry}: this one is {patient.endpoint.name}"
        path = str(wanted).partition("/")[2]
        right = f"{patient.endpoint.name}/{path}"
        return Finding(seen, means, _with_image(patient, lacking, right), independent=True)
    means = f"it comes from {wanted.registry}, not from this registry: {_last_words(lacking)}"
    describe = patient.case.kubectl(patient.context, "describe pod", *reversed(_named(first)))
    return Finding(seen, means, describe, Severity.WARNING, independent=True)


def _with_image(patient: Patient, lacking: list[_Lacking], image: str) -> str:
    """Return what gives the pods that lack an image another one: those of one owner are changed together."""
    commands = (each.owner.with_image(patient, each.container, image) for each in lacking)
    return " && ".join(dict.fromkeys(commands))


def _changed(
    patient: Patient, lacking: list[_Lacking], change: Callable[[_Lacking], dict[str, Any]]
) -> str | None:
    """Return what changes the specs of pods; None where it takes more than a command."""
    commands = [each.owner.changed(patient, change(each)) for each in lacking]
    return " && ".join(dict.fromkeys(filter(None, commands))) if all(commands) else None


def _never(patient: Patient, image: str, who: str, lacking: list[_Lacking], severity: Severity) -> Finding:
    """Explain a pod whose node is not to pull at all, so that the registry is not even asked."""
    means = "its imagePullPolicy is Never, so the node does not ask any registry"
    seen = f"{who} does not have {image} on its node"
    policy = {"imagePullPolicy": "IfNotPresent"}
    repair = _changed(patient, lacking, lambda each: {each.among: [{"name": each.container} | policy]})
    by_hand = "write imagePullPolicy: IfNotPresent in what makes the pod"
    return Finding(seen, means, repair or by_hand, severity, independent=True)


def _of_ours(patient: Patient, wanted: Reference, seen: str, lacking: list[_Lacking]) -> Finding:
    name = f"{wanted.repository}:{wanted.tag}" if wanted.tag else str(wanted.repository)
    repository, reference = str(wanted.repository), str(wanted.digest or wanted.tag or "latest")
    try:
        patient.client.head_manifest(repository, reference)
    except NotFound:
        near = _near(patient, wanted)
        means = "the registry has no such image" + (f"; it has {', '.join(near)}" if near else "")
        return Finding(seen, means, _provided(patient, wanted, name, near, lacking), independent=True)
    except DlrError as error:
        return Finding(seen, error.message, error.hint or patient.case.dlr("registry-status"))
    without = [each for each in lacking if not each.has_secret]
    if without and _wants_login(patient, repository, reference):
        means = f"the registry wants a login, and pod {without[0].pod} has no secret for pulling"
        return Finding(seen, means, _secret(patient, wanted.registry, without), independent=True)
    means = f"the registry has it, but the node does not get it: {_last_words(lacking)}"
    repair = patient.case.deploy_kind(str(patient.kind_name), patient.mapped or patient.endpoint.port)
    look = patient.case.dlr("test-registry", category="images")
    return Finding(seen, means, repair if patient.kind_name else look)


def _provided(patient: Patient, wanted: Reference, name: str, near: list[str], lacking: list[_Lacking]) -> str:
    """Return how a pod gets an image that the registry lacks: what was forgotten is pushed, the misspelt set."""
    target = f"{patient.endpoint.name}/{name}"
    with suppress(EngineError):
        if patient.engine.image_id(target):
            return f"docker push {target}"
        if patient.engine.image_id(name):
            return f"docker tag {name} {target} && docker push {target}"
    push = f"docker tag IMAGE {target} && docker push {target}"
    if not near:
        return push
    return f"{_with_image(patient, lacking, f'{wanted.registry}/{near[0]}')}  # or {push}"


def _wants_login(patient: Patient, repository: str, reference: str) -> bool:
    """Tell whether the registry refuses an image to those without a name, as nodes without a secret are."""
    with patient.client.another(auth=None) as nobody:
        try:
            nobody.head_manifest(repository, reference)
        except (Unauthorized, Denied):
            return True
        except DlrError:
            return False
    return False


def _secret(patient: Patient, registry: str, lacking: list[_Lacking]) -> str:
    """Return how pods get a login. Source: Kubernetes, "Pull an Image from a Private Registry"."""
    who = patient.client.credentials
    user = shlex.quote(who.username) if who and who.username else "USER"
    login = (f"--docker-server {registry}", f"--docker-username {user}", "--docker-password PASSWORD")
    create = [
        patient.case.kubectl(
            patient.context, "create secret docker-registry", _SECRET, "--namespace", each, *login
        )
        for each in dict.fromkeys(each.owner.namespace for each in lacking)
    ]
    use = _changed(patient, lacking, lambda _: {"imagePullSecrets": [{"name": _SECRET}]})
    by_hand = f"  # and write imagePullSecrets: [{{name: {_SECRET}}}] into what makes the pod"
    return " && ".join(create) + (f" && {use}" if use else by_hand)


def _near(patient: Patient, wanted: Reference) -> list[str]:
    """Return the images that somebody may have meant, the nearest first."""
    try:
        return _tags(patient, str(wanted.repository), wanted.tag)
    except NotFound:
        near = difflib.get_close_matches(str(wanted.repository), list(patient.client.catalog()), 3)
    found: list[str] = []
    for each in near:
        with suppress(DlrError):  # the tags of one may all be gone
            found += _tags(patient, each, wanted.tag)[:1]
    return found


def _tags(patient: Patient, repository: str, wanted: str | None) -> list[str]:
    """Return the images of a repository whose tags are near to one, the last ones if none is."""
    tags = list(patient.client.tags(repository))
    near = difflib.get_close_matches(str(wanted), tags, 3, 0.3) or tags[:-4:-1]
    return [f"{repository}:{tag}" for tag in near]


def _has(patient: Patient, name: str) -> bool:
    repository, _, tag = name.partition(":")
    try:
        patient.client.head_manifest(repository, tag or "latest")
    except DlrError:
        return False
    return True


def _without_library(wanted: Reference) -> str:
    return str(wanted).partition("/")[2].removeprefix("library/")


def _last_words(lacking: list[_Lacking]) -> str:
    """Return the innermost reason of containerd's chain of errors."""
    said = max((each.said for each in lacking), key=len)
    return " ".join(said.split(": ")[-3:]).strip() or "the node says no reason"


def _named(pod: str) -> tuple[str, str]:
    namespace, _, name = pod.partition("/")
    return f"--namespace {namespace}", name
