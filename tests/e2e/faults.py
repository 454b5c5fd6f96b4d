"""What goes wrong with a deployment, made on purpose, and what `dlr test-registry` has to say of it."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.e2e.conftest import eventually, run
from tests.registry import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.e2e.conftest import Environment


def in_registry(environment: Environment, *argv: str) -> str:
    return environment.kubectl("--namespace", "storage", "exec", "deployment/docker-registry", "--", *argv)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a deployment while a block lasts, and what each check has to say of it."""

    name: str
    make: Callable[[Environment], AbstractContextManager[None]]
    words: tuple[str, ...]
    found: dict[str, str]


@contextlib.contextmanager
def patched(environment: Environment, what: str, change: str, back: str, *, there: bool = True) -> Iterator[None]:
    """Change an object while a block lasts; `there` is whether the registry answers all the same."""
    words = ("--namespace", "storage", "patch", what, "--type", "json", "--patch")
    environment.kubectl(*words, change)
    try:
        settle(environment)
        wait_for_answers(environment, there=there)
        yield
    finally:
        environment.kubectl(*words, back)
        repair(environment)


def settle(environment: Environment) -> None:
    environment.kubectl("--namespace", "storage", "rollout", "status", "deployment/docker-registry")


def repair(environment: Environment) -> None:
    """Let it take the fields over again, and wait until the registry answers."""
    done = environment.run_dlr("deploy-registry")
    assert done.returncode == 0, done.stderr
    wait_for_answers(environment)


def read_only(environment: Environment) -> AbstractContextManager[None]:
    change = '[{"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts/0/readOnly", "value": true}]'
    return patched(environment, "deployment/docker-registry", change, change.replace("true", "false"))


@contextlib.contextmanager
def in_memory_and_full(environment: Environment) -> Iterator[None]:
    """The folder is no claim's, is lost with the pod, and somebody has filled it."""
    path = "/spec/template/spec/volumes/0"
    change = {
        "op": "replace",
        "path": path,
        "value": {"name": "storage", "emptyDir": {"medium": "Memory", "sizeLimit": "32Mi"}},
    }
    claim = {"claimName": "registry-storage"}
    back = {"op": "replace", "path": path, "value": {"name": "storage", "persistentVolumeClaim": claim}}
    with patched(environment, "deployment/docker-registry", json.dumps([change]), json.dumps([back])):
        in_registry(environment, "dd", "if=/dev/zero", "of=/var/lib/registry/filler", "bs=1M", "count=31")
        yield


def not_on_the_volume(environment: Environment) -> AbstractContextManager[None]:
    """The volume is there and sound, but somebody has told the registry to keep its files beside it."""
    pod, container = "/spec/template/spec", "/spec/template/spec/containers/0"
    beside = {"name": "beside", "emptyDir": {}}
    told = {"name": "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "value": "/beside"}
    added: dict[str, Any] = {
        f"{pod}/volumes/2": beside,
        f"{container}/volumeMounts/2": {"name": "beside", "mountPath": "/beside"},
        f"{container}/env/1": told,
    }
    change = [{"op": "add", "path": path, "value": value} for path, value in added.items()]
    back = [{"op": "remove", "path": path} for path in added]
    return patched(environment, "deployment/docker-registry", json.dumps(change), json.dumps(back))


@contextlib.contextmanager
def service_of_nobody(environment: Environment) -> Iterator[None]:
    change = '[{"op": "replace", "path": "/spec/selector/app", "value": "nobody"}]'
    back = change.replace("nobody", "docker-registry")
    with patched(environment, "service/docker-registry-nodeport", change, back, there=False):
        yield


@contextlib.contextmanager
def unwired(environment: Environment) -> Iterator[None]:
    wired, away = f"/etc/containerd/certs.d/{environment.registry}", "/root/unwired"
    run("docker", "exec", worker(environment), "mv", wired, away)
    try:
        yield
    finally:
        run("docker", "exec", worker(environment), "mv", away, wired)


def cut_off(environment: Environment) -> AbstractContextManager[None]:
    """A worker that has no way to the registry any more."""
    return firewalled(worker(environment), "OUTPUT", "-p", "tcp", "--dport", "5000", "-j", "REJECT")


@contextlib.contextmanager
def firewalled(node: str, chain: str, *rule: str) -> Iterator[None]:
    run("docker", "exec", node, "iptables", "--insert", chain, *rule)
    try:
        yield
    finally:
        run("docker", "exec", node, "iptables", "--delete", chain, *rule)


def worker(environment: Environment) -> str:
    return next(each for each in environment.nodes() if "worker" in each)


def wait_for_answers(environment: Environment, *, there: bool = True) -> None:
    """The nodes' proxies follow a change of a service or a pod a moment later, and all at their own time."""
    end, as_wanted = time.monotonic() + 60, 0
    while as_wanted < 5:
        assert time.monotonic() < end
        as_wanted = as_wanted + 1 if answers(environment) == there else 0
        time.sleep(0.2)


def wait_for_probes(environment: Environment) -> None:
    """A kubelet that starts anew holds its pods for not ready until it has probed them, and counts that anew."""
    eventually(lambda: all(_is_probed(environment, pod) for pod in _registry_pods(environment)))


def _registry_pods(environment: Environment) -> list[dict[str, Any]]:
    chosen = ("--selector", "app=docker-registry", "--field-selector", "status.phase=Running")
    found = json.loads(environment.kubectl("--namespace", "storage", "get", "pods", *chosen, "--output", "json"))
    return [each for each in found["items"] if "deletionTimestamp" not in each["metadata"]]


def _is_probed(environment: Environment, pod: dict[str, Any]) -> bool:
    path = f"/api/v1/nodes/{pod['spec']['nodeName']}/proxy/metrics/probes"
    try:
        counts = environment.kubectl("get", "--raw", path)
    except AssertionError:
        return False  # the kubelet does not answer yet
    mine = [each for each in counts.splitlines() if f'pod="{pod["metadata"]["name"]}"' in each]
    return any('probe_type="Readiness"' in each and 'result="successful"' in each for each in mine)


def answers(environment: Environment) -> bool:
    try:
        with urllib.request.urlopen(f"http://{environment.registry}/v2/", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True  # it wants a login
    except OSError:
        return False


def restart(environment: Environment) -> None:
    """Replace the registry's pod; what was on its way to the old one is lost with it."""
    environment.kubectl("--namespace", "storage", "rollout", "restart", "deployment/docker-registry")
    settle(environment)
    wait_for_answers(environment)


@contextlib.contextmanager
def wanting_a_login(environment: Environment) -> Iterator[None]:
    name = ("configmap", "registry-config", "--namespace", "storage")
    before = json.loads(environment.kubectl("get", *name, "--output", "json"))["data"]["config.yml"]
    auth = "auth:\n  htpasswd:\n    realm: tests\n    path: /etc/docker-registry/htpasswd\n"
    changed = {"data": {"config.yml": before + auth, "htpasswd": programs.HTPASSWD}}
    environment.kubectl("patch", *name, "--patch", json.dumps(changed))
    restart = ("--namespace", "storage", "rollout", "restart", "deployment/docker-registry")
    try:
        environment.kubectl(*restart)
        settle(environment)
        wait_for_answers(environment)
        yield
    finally:
        environment.kubectl(
            "patch", *name, "--patch", json.dumps({"data": {"config.yml": before, "htpasswd": None}})
        )
        environment.kubectl(*restart)
        repair(environment)


POD_ALONE = ("--category", "images", "--exclude", "images/[!p]*")
FAULTS = [
    Fault("unwired", unwired, POD_ALONE, {"images/pod": "worker.*[Pp]ull"}),
    Fault("cut off", cut_off, POD_ALONE, {"images/pod": "worker.*([Pp]ull|connect)"}),
    Fault(
        "read-only",
        read_only,
        ("--category", "storage"),
        {"storage/mount": "mounted read-only", "storage/content": "read-only|status 500"},
    ),
    Fault(
        "not on the volume",
        not_on_the_volume,
        ("--category", "storage"),
        {"storage/content": "was pushed, but is not on the volume"},
    ),
    Fault(
        "in memory and full",
        in_memory_and_full,
        ("--category", "storage", "--disruptive"),
        {
            "storage/claim": "emptyDir: its images are lost with the pod",
            "storage/use": "the volume is full",
            "storage/restart": "answers 404",
        },
    ),
    Fault(
        "service of nobody",
        service_of_nobody,
        ("--exclude", "performance"),
        {"health/api": "cannot reach|in time|closed connection"},
    ),
]
BROKEN_CHECKS = {path for fault in FAULTS for path in fault.found}
"""The checks that are made to fail here; the others are in tests/acceptance."""
