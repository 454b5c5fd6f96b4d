"""`dlr doctor` on a real cluster: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pty
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.manifests import find, registry_objects
from tests.e2e.conftest import Environment, eventually, free_port, run
from tests.e2e.examining import SECONDS, Checkup, fixed, healthy, looked, typed, until
from tests.e2e.faults import in_registry, restart, wait_for_answers
from tests.registry import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ducklake_registry.manifests import Object

pytestmark = pytest.mark.cluster

IN_STORAGE = ("--namespace", "storage")
KUBELET = "/var/lib/kubelet/config.yaml"

OTHER_PROGRAM = """
import socket, sys, time
server = socket.create_server(("::1", int(sys.argv[1])), family=socket.AF_INET6)
print("listening", flush=True)
time.sleep(600)
"""

# It answers as macOS's AirPlay Receiver does on port 5000.
AIRPLAY = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Receiver(BaseHTTPRequestHandler):
    def version_string(self):
        return "AirTunes/760.20.1"

    def do_GET(self):
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print("listening", flush=True)
server.serve_forever()
"""
# The same certificate once more, signed by the same authority, but for yesterday.
EXPIRE = """
cd /etc/kubernetes/pki
openssl x509 -x509toreq -in apiserver.crt -signkey apiserver.key -copy_extensions copy -out /tmp/request
openssl x509 -req -in /tmp/request -CA ca.crt -CAkey ca.key -set_serial 7 -days -1 -copy_extensions copy \\
  -out apiserver.crt
rm /tmp/request
"""
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.fixture(scope="module", autouse=True)
def sound_afterwards(environment: Environment) -> Iterator[None]:
    """Whatever these tests have come to, those of other modules find the environment as it was."""
    wait_for_answers(environment)  # the nodes' proxies may still follow what the module before has put back
    yield
    done = environment.run_dlr("deploy-kind")
    assert done.returncode == 0, done.stderr


def test_a_sound_environment(environment: Environment) -> None:
    found = looked(environment, "--thorough")
    assert found.status == 0, found.content
    assert (found.content["verdict"], found.content["findings"]) == ("healthy", [])
    assert found.in_state("not applicable") == ["tls"]
    assert len(found.in_state("sound")) == len(found.states) - 1
    said = {each["link"]: each["said"] for each in found.content["links"]}
    assert "runs release 3.1.2" in said["pod"]
    assert "ran on 2 of 2 nodes" in said["pull"]


def test_the_picture_fits_80_columns_and_says_in_words_what_its_colours_say(environment: Environment) -> None:
    environment.kubectl(*IN_STORAGE, "delete", "service", "docker-registry")
    done = environment.run_dlr("doctor", COLUMNS="80")
    assert done.returncode == 1
    assert max(len(line.rstrip()) for line in done.stdout.splitlines()) <= 80
    assert "✗ service  the first broken link" in done.stdout
    assert "the service docker-registry is gone" in done.stdout
    assert "dlr doctor --fix does that" in done.stdout
    assert "broken at service" in done.stdout.splitlines()[-1]
    fixed(environment)


def test_what_is_broken_first_is_blamed_and_the_rest_follows(environment: Environment) -> None:
    """Nothing answers because no pod is wanted: that is what to look at."""
    environment.kubectl(*IN_STORAGE, "scale", "deployment/docker-registry", "--replicas=0")
    found = until(environment, "http", "localhost")
    assert found.content["broken_at"] == "pod"
    assert "scaled to 0" in found.of("pod")["seen"]
    assert found.states["claim"] == "sound"
    assert {found.of(link)["follows_from"] for link in ("service", "node port", "http")} == {"pod"}
    fixed(environment)
    assert healthy(environment).content["verdict"].startswith("healthy")


def test_a_crash_is_explained_out_of_the_log(environment: Environment) -> None:
    configure(environment, lambda text: text.replace("filesystem:", "nonsense:"))
    environment.kubectl(*IN_STORAGE, "rollout", "restart", "deployment/docker-registry")
    found = until(environment, "pod", "restarts again and again")
    assert found.content["broken_at"] == "pod"
    assert "nonsense" in found.of("pod")["seen"], "the registry's own word"
    assert "storage.nonsense.rootdirectory" in found.of("configuration")["seen"]
    assert "would replace what was chosen: storage.filesystem.rootdirectory" in found.of("pod")["means"]
    typed(environment, found.of("pod")["repair"])
    healthy(environment)


def test_a_configuration_with_a_login_is_not_replaced_by_the_way(environment: Environment) -> None:
    """Deploying again would repair the service, and open the registry to everyone."""
    auth = "auth:\n  htpasswd:\n    realm: tests\n    path: /etc/docker-registry/htpasswd\n"
    configure(environment, lambda text: text + auth, htpasswd=programs.HTPASSWD)
    restart(environment)
    service = environment.kubectl(*IN_STORAGE, "get", "service", "docker-registry", "--output", "yaml")
    entry = {"username": programs.USER, "password": programs.PASSWORD}
    login = {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {environment.registry: entry}})}
    try:
        environment.kubectl(*IN_STORAGE, "delete", "service", "docker-registry")
        found = looked(environment, "--fix", "--yes", **login)
        assert found.content["broken_at"] == "service"
        assert "would replace what was chosen: auth.htpasswd.path is /etc/" in found.of("service")["means"]
        assert found.of("service")["repair"].startswith("dlr deploy-registry")
        kept = environment.kubectl(*IN_STORAGE, "get", "configmap", "registry-config", "--output", "yaml")
        assert "htpasswd:" in kept
        typed(environment, f"kubectl --context {environment.context} apply -f - <<'EOF'\n{service}\nEOF")
        assert looked(environment, **login).status == 0
        assert looked(environment).content["broken_at"] == "login"
    finally:
        configure(environment, lambda text: text, htpasswd=None)
        restart(environment)
    healthy(environment)


@pytest.mark.parametrize("text", [None, "version: [0.1", "nothing but words"], ids=["gone", "no YAML", "words"])
def test_a_configuration_that_no_registry_can_read(environment: Environment, text: str | None) -> None:
    patch = json.dumps({"data": {"config.yml": text}})
    environment.kubectl(*IN_STORAGE, "patch", "configmap", "registry-config", "--patch", patch)
    found = looked(environment)
    assert found.content["broken_at"] == "configuration"
    said = {None: "has no config.yml", "version: [0.1": "is no YAML: "}.get(text, "is no mapping of settings")
    assert said in found.of("configuration")["seen"]
    tested = environment.run_dlr("test-registry", "--category", "health", "-o", "json")
    assert tested.returncode == 0, tested.stderr
    typed(environment, found.of("configuration")["repair"])
    healthy(environment)


def test_a_configuration_that_is_gone(environment: Environment) -> None:
    environment.kubectl(*IN_STORAGE, "delete", "configmap", "registry-config")
    found = looked(environment)
    assert found.content["broken_at"] == "configuration"
    assert found.of("configuration")["seen"] == "the ConfigMap registry-config is gone"
    fixed(environment)
    healthy(environment)


def test_a_read_only_mode_that_was_left_on(environment: Environment) -> None:
    configure(
        environment,
        lambda text: text.replace("maintenance:\n", "maintenance:\n    readonly:\n      enabled: true\n"),
    )
    restart(environment)
    found = until(environment, "writing", "read-only")
    assert found.content["broken_at"] == "configuration"
    assert found.of("writing")["follows_from"] == "configuration"
    fixed(environment)


def test_a_configuration_that_differs_is_told_and_left_alone(environment: Environment) -> None:
    configure(environment, lambda text: text.replace("delete:\n    enabled: true", "delete:\n    enabled: false"))
    restart(environment)
    found = looked(environment, "--fix", "--yes", "--thorough")
    assert found.status == 0, "it works as it is"
    assert "it left behind dlr-acceptance/images@sha256:" in found.of("pull")["seen"]
    assert "deleting is disabled" in found.of("pull")["seen"]
    assert found.of("configuration")["severity"] == "warning"
    assert "storage.delete.enabled is false (dlr's: true)" in found.of("configuration")["seen"]
    assert "deleting is disabled" in found.of("writing")["seen"]
    assert found.of("writing")["repair"] == found.of("configuration")["repair"]
    typed(environment, found.of("configuration")["repair"])
    healthy(environment)
    typed(environment, found.of("pull")["repair"])
    filed = ("find", "/var/lib/registry", "-path", "*/dlr-acceptance/*", "-name", "link")
    assert in_registry(environment, *filed) == "", "what the earlier look had to leave is gone too"


def test_a_claim_of_a_class_that_there_is_not(environment: Environment) -> None:
    typed(environment, f"dlr clean-registry --delete-data --yes --context {environment.context}")
    manifests = copy.deepcopy(registry_objects())
    find(manifests, "PersistentVolumeClaim", "registry-storage")["spec"]["storageClassName"] = "slow"
    typed(
        environment,
        f"kubectl --context {environment.context} apply -f - <<'EOF'\n{json.dumps(listed(manifests))}\nEOF",
    )
    found = until(environment, "claim", "there is no storage class slow")
    assert found.content["broken_at"] == "claim"
    assert found.of("pod")["follows_from"] == "claim"
    repair = found.of("claim")["repair"]
    assert repair.endswith("--storage-class standard") or "--storage-class standard " in repair
    typed(environment, repair.replace("--delete-data", "--delete-data --yes"))
    assert environment.run_dlr("deploy-kind").returncode == 0
    healthy(environment)


def listed(objects: list[Object]) -> Object:
    """Return objects as one that kubectl takes."""
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def configure(environment: Environment, change: Callable[[str], str], **files: str | None) -> None:
    """Change the registry's configuration, and files beside it, as somebody with kubectl does."""
    text = find(registry_objects(), "ConfigMap", "registry-config")["data"]["config.yml"]
    assert files or change(text) != text
    patch = json.dumps({"data": {"config.yml": change(text)} | files})
    environment.kubectl(*IN_STORAGE, "patch", "configmap", "registry-config", "--patch", patch)


def test_an_image_of_the_registry_that_nobody_has(environment: Environment) -> None:
    environment.kubectl(*IN_STORAGE, "set", "image", "deployment/docker-registry", "registry=registry:nonesuch")
    found = until(environment, "pod", "registry:nonesuch")
    assert found.content["broken_at"] == "pod"
    assert "ImagePull" in found.of("pod")["seen"]
    typed(environment, found.of("pod")["repair"])
    healthy(environment)


def named_and_repaired(environment: Environment, said: str, means: str) -> None:
    """Look until the pod's trouble shows, and type the repair that is proposed.

    One that is killed and started again is well for a moment each time, and the nodes' proxies follow it later.
    """
    found = until(environment, "pod", said, broken_at="pod")
    assert means in found.of("pod")["means"]
    typed(environment, found.of("pod")["repair"])
    healthy(environment)


def test_a_registry_that_is_killed_for_want_of_memory(environment: Environment) -> None:
    # With less it is not the registry that is killed, but what starts it.
    little = ("deployment/docker-registry", "--limits=memory=8Mi", "--requests=memory=8Mi")
    environment.kubectl(*IN_STORAGE, "set", "resources", *little)
    try:
        named_and_repaired(environment, "killed for want of memory", "its limit of 8Mi is too low")
    finally:
        environment.run_dlr("deploy-registry")


def test_a_quota_that_has_no_room_for_a_pod(environment: Environment) -> None:
    environment.kubectl(*IN_STORAGE, "create", "quota", "nothing", "--hard=pods=0,limits.memory=100Mi")
    try:
        environment.kubectl(*IN_STORAGE, "delete", "pods", "--selector=app=docker-registry")
        named_and_repaired(environment, "exceeded quota: nothing", "no room for the registry's pod")
    finally:
        environment.kubectl(*IN_STORAGE, "delete", "quota", "nothing")


def test_ports_and_nodes_that_lead_elsewhere(environment: Environment) -> None:
    """A node port that kind does not lead to, a node that is not wired, one that is wired to an old address."""
    change = '[{"op": "replace", "path": "/spec/ports/0/nodePort", "value": 30511}]'
    environment.kubectl(
        *IN_STORAGE, "patch", "service/docker-registry-nodeport", "--type", "json", "--patch", change
    )
    control_plane, worker = environment.nodes()
    folder = f"/etc/containerd/certs.d/{environment.registry}"
    run("docker", "exec", worker, "rm", "-rf", folder)
    run("docker", "exec", control_plane, "sed", "-i", "s#//[^:]*:#//172.18.255.7:#", f"{folder}/hosts.toml")

    found = looked(environment)
    assert found.content["broken_at"] == "node port"
    assert "30511, not 30500" in found.of("node port")["seen"]
    said = [each["seen"] for each in found.content["findings"] if each["link"] == "wiring"]
    assert said == [
        f"node {control_plane} is wired to http://172.18.255.7:30500 for {environment.registry}",
        f"node {worker} is not wired for {environment.registry}",
    ]
    assert found.in_state("broken") == ["node port", "wiring"], "the one does not follow from the other"
    fixed(environment)


def test_a_repair_is_made_only_with_a_yes(environment: Environment) -> None:
    worker = environment.nodes()[-1]
    run("docker", "exec", worker, "rm", "-rf", f"/etc/containerd/certs.d/{environment.registry}")
    nobody_there = environment.run_dlr("doctor", "--fix")
    assert nobody_there.returncode == 2
    assert f"Wire the nodes? (node {worker} is not wired" in nobody_there.stderr
    assert "--yes" in nobody_there.stderr

    declined = answered(environment, "n", "doctor", "--fix")
    assert declined.returncode == 1
    assert looked(environment).in_state("broken") == ["wiring"]
    agreed = answered(environment, "y", "doctor", "--fix")
    assert agreed.returncode == 0, agreed.stderr
    assert "1 of 2 nodes wired" in agreed.stderr
    assert agreed.stdout.rstrip().endswith("healthy")


def answered(environment: Environment, answer: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `dlr` with somebody at the keyboard."""
    keyboard, end = pty.openpty()
    try:
        os.write(keyboard, f"{answer}\n".encode())
        argv = [sys.executable, "-m", "ducklake_registry", *words]
        return subprocess.run(
            argv, env=environment.variables, stdin=end, capture_output=True, text=True, timeout=200, check=False
        )
    finally:
        os.close(keyboard)
        os.close(end)


def test_a_node_that_was_stopped(environment: Environment) -> None:
    control_plane, _ = environment.nodes()
    run("docker", "pause", control_plane)
    try:
        found = looked(environment)
        assert found.content["broken_at"] == "nodes"
        assert found.of("nodes")["seen"] == f"{control_plane} paused"
        assert found.of("nodes")["repair"] == f"docker unpause {control_plane}"
        assert found.of("kubernetes")["follows_from"] == "nodes"
        fixed(environment)
    finally:
        subprocess.run(["docker", "unpause", control_plane], capture_output=True, check=False)


def test_a_kubeconfig_that_does_not_know_the_cluster(environment: Environment, tmp_path: Path) -> None:
    content = yaml.safe_load(environment.kubeconfig.read_text())
    for each in content["clusters"]:
        each["cluster"] = {"server": "https://127.0.0.1:1"}
    (stale := tmp_path / "stale").write_text(yaml.safe_dump(content))
    for path in (stale, tmp_path / "missing"):
        found = looked(environment, KUBECONFIG=str(path))
        assert found.content["broken_at"] == "kubernetes"
        assert "does not know the cluster" in found.of("kubernetes")["means"]
        assert found.states["namespace"] == "follows"
        assert fixed(environment, KUBECONFIG=str(path)).states["pod"] == "sound"


def test_a_disk_that_is_nearly_full(environment: Environment) -> None:
    """The kubelet is made to think so, with a grace in which it throws nothing out."""
    control_plane, _ = environment.nodes()
    kept = run("docker", "exec", control_plane, "cat", KUBELET)
    soft = {"evictionSoft": {"nodefs.available": "99.9%"}, "evictionSoftGracePeriod": {"nodefs.available": "1h"}}
    with kubelet(control_plane, yaml.safe_dump(yaml.safe_load(kept) | soft), kept):
        found = until(environment, "nodes", "DiskPressure")
    assert found.content["broken_at"] == "nodes"
    assert control_plane in found.of("nodes")["seen"]
    assert "docker system prune" in found.of("nodes")["repair"]
    environment.kubectl("wait", f"node/{control_plane}", "--for=condition=DiskPressure=False", "--timeout=60s")
    # A kubelet that starts under pressure does not take its pods back: others have taken their place.
    for namespace in ("local-path-storage", "kube-system"):
        environment.kubectl("--namespace", namespace, "rollout", "status", "deployment")
        environment.kubectl(
            "--namespace", namespace, "delete", "pods", "--field-selector", "status.phase!=Running"
        )
    healthy(environment)


@contextlib.contextmanager
def kubelet(node: str, configuration: str, kept: str) -> Iterator[None]:
    def configured(text: str) -> None:
        write = ["docker", "exec", "--interactive", node, "tee", KUBELET]
        subprocess.run(write, input=text, capture_output=True, text=True, check=True)
        run("docker", "exec", node, "systemctl", "restart", "kubelet")

    configured(configuration)
    try:
        yield
    finally:
        configured(kept)


def test_a_volume_that_is_full(environment: Environment, tmp_path: Path) -> None:
    """A small filesystem is put over the volume: kind's own has the machine's disk."""
    claim = ("get", "pvc", "registry-storage", "-o", "jsonpath={.spec.volumeName}")
    volume = environment.kubectl(*IN_STORAGE, *claim)
    path = environment.kubectl("get", "pv", volume, "-o", "jsonpath={.spec.hostPath.path}{.spec.local.path}")
    node = environment.nodes()[-1]
    run("docker", "exec", node, "mount", "-t", "tmpfs", "-o", "size=300m,mode=0777", "tmpfs", path)
    large = f"{environment.registry}/doctor/large:v1"
    try:
        restart(environment)
        healthy(environment)
        push_of_random_bytes(large, 100, tmp_path)
        found = looked(environment)
        assert found.content["broken_at"] == "claim"
        assert "of 300 MiB free" in found.of("claim")["seen"]
        typed(environment, found.of("claim")["repair"].replace("/IMAGE ", "/doctor/large:v1 --yes "))
        healthy(environment)
        used = run("docker", "exec", node, "du", "--summarize", "--block-size=1M", path).split()[0]
        assert int(used) < 10, "the image's bytes are gone"
        run("docker", "push", large)
    finally:
        subprocess.run(["docker", "rmi", large], capture_output=True, check=False)
        run("docker", "exec", node, "umount", "--lazy", path)
        restart(environment)


def push_of_random_bytes(name: str, megabytes: int, folder: Path) -> None:
    """Build an image that cannot be compressed, and push it."""
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY content /\n")
    (folder / "content").write_bytes(os.urandom(megabytes << 20))
    run("docker", "build", "--quiet", f"--tag={name}", str(folder))
    run("docker", "push", name)


def test_pods_whose_images_cannot_be_pulled(environment: Environment) -> None:
    name = f"{environment.registry}/doctor/app"
    run("docker", "tag", "registry:3.1.2", f"{name}:v1")
    run("docker", "push", f"{name}:v1")
    wanted = {"misspelt": f"{name}:v2", "nameless": "doctor/app:v1", "astray": "localhost:1/doctor/app:v1"}
    unasked = ("unasked", f"--image={name}:v1", "--image-pull-policy=Never")
    try:
        environment.kubectl("run", *unasked, "--restart=Never")
        for pod, image in wanted.items():
            environment.kubectl("run", pod, f"--image={image}", "--restart=Never", "--image-pull-policy=Always")
        found = until(environment, "pull", *(f"/{pod} " for pod in (*wanted, "unasked")))
        by_pod = {each["seen"].split()[1].rpartition("/")[2]: each for each in found.content["findings"]}
        assert "it has doctor/app:v1" in by_pod["misspelt"]["means"]
        assert f"docker push {name}:v2" in by_pod["misspelt"]["repair"]
        assert "has no registry in it" in by_pod["nameless"]["means"]
        assert f"write {name}:v1 in the pod" in by_pod["nameless"]["repair"]
        assert "know no registry of the name localhost:1" in by_pod["astray"]["means"]
        assert "its imagePullPolicy is Never" in by_pod["unasked"]["means"]
        assert by_pod["unasked"]["repair"] == "write imagePullPolicy: IfNotPresent in the pod"
        thorough = looked(environment, "--thorough")
        said = next(each["said"] for each in thorough.content["links"] if each["link"] == "pull")
        assert len([each for each in thorough.content["findings"] if each["link"] == "pull"]) == 4, said
        assert found.in_state("broken") == ["pull"]

        environment.kubectl("delete", "pod", *wanted, "unasked", "--now")
        run("docker", "tag", "registry:3.1.2", f"{name}:v2")
        run("docker", "push", f"{name}:v2")
        environment.kubectl("run", "misspelt", f"--image={name}:v2", "--restart=Never", "--", "--version")
        environment.kubectl("wait", "pod/misspelt", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        healthy(environment)
    finally:
        environment.kubectl("delete", "pod", *wanted, "unasked", "--now", "--ignore-not-found")
        subprocess.run(["docker", "rmi", f"{name}:v1", f"{name}:v2"], capture_output=True, check=False)
        assert environment.run_dlr("delete-image", f"{name}:v1", "--yes").returncode == 0


def test_proxies_that_swallow_localhost(environment: Environment) -> None:
    """Nobody listens at that proxy; dlr itself goes on to reach the registry and the cluster."""
    proxies = {name: f"http://user:secret@127.0.0.1:{free_port()}" for name in ("http_proxy", "HTTPS_PROXY")}
    found = looked(environment, **proxies)
    assert found.in_state("broken") == ["client"]
    assert "through the proxy 127.0.0.1:" in found.of("client")["seen"]
    assert "secret" not in json.dumps(found.content)
    _, *settings = shlex.split(found.of("client")["repair"])
    assert looked(environment, **proxies, **dict(each.split("=", 1) for each in settings)).status == 0


def test_another_program_at_the_other_localhost(environment: Environment) -> None:
    argv = [sys.executable, "-c", OTHER_PROGRAM, str(environment.host_port)]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert holder.stdout
        if not holder.stdout.readline():
            pytest.skip("this machine has no IPv6")
        found = looked(environment)
        assert found.content["broken_at"] == "host port"
        assert f"(process {holder.pid})" in found.of("host port")["seen"]
        assert found.of("host port")["repair"] == f"kill {holder.pid}"
        typed(environment, found.of("host port")["repair"])
        holder.wait(10)
    finally:
        holder.kill()
        holder.communicate()
    healthy(environment)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_a_clock_that_is_wrong(environment: Environment) -> None:
    """It is dlr that sees another time: the nodes have the kernel's clock, which is the whole machine's.

    Setting the clock is the system's work (`timedatectl`), which is not there in a container: the repair is that
    dlr sees the right time again.
    """
    found = looked(environment, LD_PRELOAD=str(FAKETIME), FAKETIME="+15m")
    assert found.status == 0, "nothing is broken yet"
    assert found.of("kubernetes")["seen"].startswith("the clock of the API server is 15m")
    assert found.of("http")["seen"].startswith("the clock of the registry is 15m")
    assert "behind this machine's" in found.of("http")["seen"]

    found = looked(environment, LD_PRELOAD=str(FAKETIME), FAKETIME="+3y")
    assert found.content["broken_at"] == "kubernetes"
    assert "certificate has expired" in found.of("kubernetes")["seen"]
    assert "the clock of the engine is 109" in found.of("kubernetes")["means"]
    assert "timedatectl" in found.of("kubernetes")["repair"]
    healthy(environment)


def test_a_certificate_of_the_cluster_that_has_expired(environment: Environment) -> None:
    """As on a cluster that nobody has upgraded for a year; here it is the one that the API server shows to all."""
    control_plane = environment.nodes()[0]
    run("docker", "exec", control_plane, "sh", "-euc", EXPIRE)
    found = until(environment, "kubernetes", "certificate has expired")
    assert found.content["broken_at"] == "kubernetes"
    assert "a certificate or token that opens the cluster is not valid now" in found.of("kubernetes")["means"]
    before = servers(control_plane)
    typed(environment, found.of("kubernetes")["repair"])
    # One that is told to end goes on to answer for a while.
    eventually(lambda: bool(servers(control_plane)) and not servers(control_plane) & before)
    healthy(environment)


def servers(node: str) -> set[str]:
    """Return the processes of a node that are API servers."""
    words = ["docker", "exec", node, "pgrep", "kube-apiserver"]
    return set(subprocess.run(words, capture_output=True, text=True, check=False).stdout.split())


def test_what_was_never_there(environment: Environment) -> None:
    found = looked(environment, "--namespace", "nowhere")
    assert found.content["broken_at"] == "namespace"
    assert found.of("namespace")["repair"].endswith("--namespace nowhere")
    found = looked(environment, DLR_CONTEXT="kind-never-made")
    assert found.content["broken_at"] == "kind"
    assert "dlr deploy-kind --name never-made" in found.of("kind")["repair"]
    without_engine = looked(environment, DOCKER_HOST="unix:///nowhere")
    assert (without_engine.status, without_engine.states["engine"]) == (0, "warning")


def test_a_cluster_that_is_no_kind_cluster(environment: Environment, tmp_path: Path) -> None:
    """The same cluster under a name that says nothing of kind: engine, kind and wiring are no matter then."""
    content = yaml.safe_load(environment.kubeconfig.read_text())
    (context,) = (each for each in content["contexts"] if each["name"] == environment.context)
    context["name"] = "production"
    (kubeconfig := tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    found = looked(environment, KUBECONFIG=str(kubeconfig), DLR_CONTEXT="production")
    assert found.status == 0, found.content
    assert found.in_state("not applicable") == ["engine", "kind", "tls", "wiring"]


def test_what_we_may_not_see_is_not_broken(environment: Environment, tmp_path: Path) -> None:
    environment.kubectl("create", "serviceaccount", "stranger")
    try:
        token = environment.kubectl("create", "token", "stranger").strip()
        content = yaml.safe_load(environment.kubeconfig.read_text())
        content["users"] = [{"name": each["name"], "user": {"token": token}} for each in content["users"]]
        (kubeconfig := tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
        found = looked(environment, KUBECONFIG=str(kubeconfig))
    finally:
        environment.kubectl("delete", "serviceaccount", "stranger")
    assert found.status == 0, found.content
    assert "as far as it can be seen without" in found.content["verdict"]
    assert {"claim", "pod", "service", "pull"} <= set(found.in_state("unknown"))
    assert found.states["wiring"] == found.states["http"] == "sound"


# --- a cluster that kind alone has made


@pytest.fixture(scope="module")
def bare(make_environment: Callable[[], Environment]) -> Iterator[Environment]:
    """A kind cluster without the port mapping, and nothing of dlr's in it."""
    made = make_environment()
    images = run("docker", "images", "kindest/node", "--format", "{{.Repository}}:{{.Tag}}").split()
    run(
        *("kind", "create", "cluster", "--name", made.name, "--image", images[0], "--wait", "120s"),
        *("--kubeconfig", str(made.kubeconfig)),
        timeout=400,
    )
    yield made
    made.destroy()


def test_a_cluster_that_was_made_without_the_registry_in_mind(bare: Environment, tmp_path: Path) -> None:
    """No default storage class, no image of the registry, no wiring, no port: everything is named and repaired."""
    bare.kubectl("annotate", "storageclass", "standard", "storageclass.kubernetes.io/is-default-class-")
    (manifests := tmp_path / "registry.yaml").write_text(yaml.safe_dump_all(registry_objects()))
    bare.kubectl("apply", "-f", str(manifests))

    found = until(bare, "claim", "of no storage class")
    assert found.content["broken_at"] == "claim"
    assert "annotate storageclass standard" in found.of("claim")["repair"]
    assert found.of("pod")["follows_from"] == "claim"
    assert "was made without the registry's port mapping" in found.of("host port")["means"]

    found = looked(bare, "--fix", "--yes")
    end = time.monotonic() + 2 * SECONDS + 60  # the scheduler looks again at every pod after 5 minutes
    while found.in_state("broken") != ["host port"]:
        assert time.monotonic() < end, json.dumps(found.content, indent=1)
        found = looked(bare, "--fix", "--yes")
    assert found.states["wiring"] == found.states["pod"] == "sound"

    assert forwarded(bare, found.of("host port")["repair"]).status == 0


def forwarded(environment: Environment, repair: str, *words: str) -> Checkup:
    """Look while a port is forwarded, as a finding proposes it."""
    forwarding = environment.start_dlr(*shlex.split(repair, comments=True)[1:])
    try:
        assert forwarding.stderr
        assert "forwarding" in forwarding.stderr.readline()
        return looked(environment, *words)
    finally:
        forwarding.terminate()
        forwarding.communicate(timeout=20)


def test_a_port_that_airplay_holds(bare: Environment) -> None:
    argv = [sys.executable, "-c", AIRPLAY, str(bare.host_port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as receiver:
        assert receiver.stdout
        assert receiver.stdout.readline()
        try:
            found = looked(bare)
            nobodys = looked(bare, DLR_CONTEXT="kind-never-made")
            assert f"(process {receiver.pid}), which is AirPlay" in found.of("host port")["seen"]
            assert found.of("host port")["follows_from"] is None
            assert "AirPlay Receiver" in found.of("http")["means"]
            beside = found.of("host port")["repair"]
            command, options = beside.split("  # and ")
            around = forwarded(bare, command, *options.split())
            assert (around.states["host port"], around.states["http"]) == ("sound", "sound")
        finally:
            receiver.kill()
    assert "which is AirPlay" in nobodys.of("host port")["seen"]
    assert "turn AirPlay Receiver off" in nobodys.of("host port")["repair"]
    assert "AirPlay" not in json.dumps(looked(bare).content), "once it is turned off"
