"""An image as others take it: the Docker Engine, and the nodes of the cluster, which run it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from ducklake_registry.acceptance import content
from ducklake_registry.acceptance.check import CheckFailed, CheckSkipped, Evidence, expect
from ducklake_registry.acceptance.context import IMAGES
from ducklake_registry.acceptance.journal import Kind as Left
from ducklake_registry.acceptance.journal import Trace
from ducklake_registry.cluster import kinds
from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.diagnosis import hint_for, last_events, pod_trouble
from ducklake_registry.cluster.workload import is_ready
from ducklake_registry.engine import images
from ducklake_registry.errors import AccessDenied, TimeoutExpired
from ducklake_registry.oci import Manifest
from ducklake_registry.reference import Reference, Repository, Tag
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline, NotYet, wait_for
from ducklake_registry.workflows.engine_and_registry import login_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.acceptance.content import GeneratedIndex
    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.acceptance.site import Site
    from ducklake_registry.cluster.kinds import Kind
    from ducklake_registry.engine.client import Engine
    from ducklake_registry.manifests import Object

_POD_SECONDS = 90.0
_MOST_NODES = 5
_NOBODY = 65534
_REMOVAL_SECONDS = 45.0
_LABELS = {"app.kubernetes.io/name": "dlr-acceptance"}


def engine(context: Context) -> Evidence:
    """The Docker Engine pulls an image, and pushes it under another tag."""
    docker = context.needs_engine()
    repository, pulled, pushed = IMAGES, context.tag("to-engine"), context.tag("from-engine")
    generated = content.index(context.text("engine"))
    context.push_index(repository, generated, pulled)
    source = Reference(context.registry, Repository(repository), digest=generated.index.digest)
    target = Reference(context.registry, Repository(repository), Tag(pushed))
    for each in (source, target):
        _removed_from(context, docker, str(each))
    context.client.ping()  # finds out whether somebody has to say who asks
    login = login_of(context.client)
    image_id = images.pull(docker, source, login, silent)
    context.will_have(Trace(Left.TAG, repository, pushed))  # the engine decides about its digest
    with images.named(docker, image_id, [str(target)]):
        images.push(docker, target, login, silent)
    arrived = context.client.manifest(repository, pushed)
    expect(isinstance(arrived, Manifest), "the engine has pushed something else than an image")
    configs = {each.manifest.config.digest for each in generated.images}
    if isinstance(arrived, Manifest):
        expect(arrived.config.digest in configs, "the engine has pushed another image than it has pulled")
        for blob in arrived.blobs:
            context.client.small_blob(repository, blob)
    return Evidence(f"Docker {docker.version()} has pulled it and pushed it back")


def pod(context: Context) -> Evidence:
    """A pod on every node (of five at most) runs the image just pushed, which its containerd pulls."""
    site = context.needs_site()
    repository, tag = IMAGES, context.tag("pod")
    generated = content.index(context.text("pod"))
    context.push_index(repository, generated, tag)
    reference = f"{context.registry}/{repository}:{tag}"
    every = site.cluster.objects(kinds.NODE)
    nodes = [each for each in every if is_ready(each)][:_MOST_NODES]
    if not nodes:
        raise CheckFailed("no node of the cluster is ready")
    _forget_on_nodes(context, generated, repository)
    secret = _pull_secret(context, site)
    pods = [
        _pod(context, number, str(node["metadata"]["name"]), reference, secret)
        for number, node in enumerate(nodes)
    ]
    for each in pods:
        _make(context, site, kinds.POD, each)
    for each in pods:
        _await_end(context, site, each)
    login = ", with a pull secret" if secret else ""
    ran = f"ran on {len(pods)} of {len(every)} nodes{login} and ended with status 0"
    return Evidence(f"{reference} {ran}{_left_out(every)}")


def _left_out(nodes: Sequence[Object]) -> str:
    """Say on which nodes nothing was tried, and why."""
    unready = [str(each["metadata"]["name"]) for each in nodes if not is_ready(each)]
    said = f"; not ready: {', '.join(unready)}" if unready else ""
    return said + (f"; no more than {_MOST_NODES} are tried" if len(nodes) - len(unready) > _MOST_NODES else "")


def _pull_secret(context: Context, site: Site) -> str | None:
    """Give the pods the login at hand, where the registry wants one; return the name of the secret.

    It is in the registry's own namespace, and only until the end of the run. Raises CheckSkipped for a login that
    no pod can be given. Source: "Pull an Image from a Private Registry" of the Kubernetes documentation.
    """
    context.client.ping()  # finds out whether somebody has to say who asks
    login = context.client.credentials
    if login is None:
        return None
    if not (login.username and login.password):
        raise CheckSkipped("the login at hand is a token, and a pod's pull secret is a name and a password")
    name = f"dlr-acceptance-{context.run}"
    entry = {"username": login.username, "password": login.password}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": _LABELS},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": {context.registry: entry}})},
    }
    _make(context, site, kinds.SECRET, secret)
    return name


def _make(context: Context, site: Site, kind: Kind, wanted: Object) -> None:
    """Make an object in the registry's namespace until the end of the run; raises CheckSkipped if we may not."""
    name = wanted["metadata"]["name"]
    context.cleanup.add(f"{kind.name.lower()} {name}", partial(_unmake, site, kind, name), "cluster")
    try:
        site.cluster.apply({**wanted, "metadata": {**wanted["metadata"], "namespace": site.namespace}})
    except AccessDenied as error:
        context.cleanup.forget_last()
        raise CheckSkipped(error.message, error.hint) from error


def _unmake(site: Site, kind: Kind, name: str) -> None:
    """Delete an object and wait until it is gone: until then a node may still pull an image for a pod."""
    site.cluster.delete(kind, name, site.namespace)

    def probe() -> bool | NotYet:
        return site.cluster.get(kind, name, site.namespace) is None or NotYet("it is still there")

    wait_for(f"the end of {name}", probe, Deadline(_REMOVAL_SECONDS))


def _pod(context: Context, number: int, node: str, reference: str, secret: str | None) -> Object:
    """Return a pod that runs an image once on a node, within the "restricted" standard of pod security."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"dlr-acceptance-{context.run}-{number}",
            "labels": _LABELS,
        },
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": 300,
            "automountServiceAccountToken": False,
            **({"imagePullSecrets": [{"name": secret}]} if secret else {}),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "test",
                    "image": reference,
                    "imagePullPolicy": "Always",
                    "resources": {"limits": {"cpu": "100m", "memory": "32Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def _await_end(context: Context, site: Site, wanted: Object) -> None:
    """Wait until a pod has ended well. Raises CheckFailed with the cluster's own words."""
    name, node = wanted["metadata"]["name"], wanted["spec"]["nodeName"]

    def probe() -> bool | NotYet:
        found = site.cluster.get(kinds.POD, name, site.namespace)
        if found is None:
            raise CheckFailed(f"the pod on node {node} was removed while it was waited for")
        trouble = pod_trouble(found)
        if trouble:
            raise CheckFailed(f"node {node}: {_in_full(site, name, trouble)}", _hint(trouble, site))
        return found["status"].get("phase") == "Succeeded" or NotYet(f"node {node}: it has not ended")

    try:
        limit = Deadline(max(1.0, min(_POD_SECONDS, context.deadline.remaining)))
        wait_for("the end of the pod", probe, limit, interval=0.5)
    except TimeoutExpired as error:
        raise CheckFailed(f"{error.message}; {_in_full(site, name, '')}") from error


def _in_full(site: Site, name: str, trouble: str) -> str:
    """Return a pod's trouble with its last event, which has the words of the node."""
    events = last_events(site.cluster, site.namespace, [name], count=1)
    return "; ".join(dict.fromkeys(filter(None, (trouble, *events))))


def _hint(trouble: str, site: Site) -> str | None:
    if "Pull" in trouble:
        return "wire the node for this name: dlr deploy-kind"
    return hint_for(trouble, Commands.of(site.cluster, site.namespace), site.cluster.context)


def _forget_on_nodes(context: Context, generated: GeneratedIndex, repository: str) -> None:
    """Remove the image from the nodes that are the engine's containers; others remove it when they need room."""
    docker, site = context.engine, context.site
    if docker is None or site is None or not site.cluster.context.startswith("kind-"):
        return
    # containerd has it under its tag, its digest and its config's digest.
    names = {str(each.manifest.config.digest) for each in generated.images}
    names |= {f"{context.registry}/{repository}:{context.tag('pod')}"}
    names |= {f"{context.registry}/{repository}@{generated.index.digest}"}
    for node in docker.nodes(site.cluster.context.removeprefix("kind-")):
        what = f"the image {repository}:{context.tag('pod')} on node {node.name}"
        context.cleanup.add(what, partial(_forget, docker, node.name, names), f"node {node.name}")


def _forget(docker: Engine, node: str, names: set[str]) -> None:
    containerd = ["ctr", "--namespace", "k8s.io", "images"]
    there = set(docker.run_in(node, [*containerd, "list", "--quiet"]).split()) & names
    if there:
        docker.run_in(node, [*containerd, "remove", *sorted(there)])


def _removed_from(context: Context, docker: Engine, name: str) -> None:
    context.cleanup.add(f"{name} in the engine", lambda: docker.remove_name(name), "engine")
