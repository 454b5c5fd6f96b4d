"""`dlr doctor` and what holds for a time: each fault is made, named, and repaired by what it proposes."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.cluster.ports import holder_of
from tests.e2e.conftest import eventually, free_port, run
from tests.e2e.examining import IN_STORAGE, healthy, looked, typed, until
from tests.registry import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ducklake_registry.manifests import Object
    from tests.e2e.conftest import Environment
    from tests.registry.certificates import KeyPair

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("sound_afterwards")]

# The same certificate once more, signed by the same authority, but for yesterday.
EXPIRE = """
cd /etc/kubernetes/pki
openssl x509 -x509toreq -in apiserver.crt -signkey apiserver.key -copy_extensions copy -out /tmp/request
openssl x509 -req -in /tmp/request -CA ca.crt -CAkey ca.key -set_serial 7 -days -1 -copy_extensions copy \\
  -out apiserver.crt
rm /tmp/request
"""

# As an ingress does: it has the Secret's certificate as it is now, and hands on to the registry what comes.
FRONT = """
import socket, ssl, threading

def hand_on(source, target):
    try:
        while content := source.recv(65536):
            target.sendall(content)
    except OSError:
        pass
    for each in (source, target):
        each.close()

def serve(connection):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
    try:
        asking = context.wrap_socket(connection, server_side=True)
    except OSError:
        return
    registry = socket.create_connection(("docker-registry.storage.svc.cluster.local", 5000))
    threading.Thread(target=hand_on, args=(registry, asking)).start()
    hand_on(asking, registry)

with socket.create_server(("", 8443)) as server:
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],)).start()
"""
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


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


def test_a_certificate_of_the_registry_that_has_expired(environment: Environment, tmp_path: Path) -> None:
    """With an ingress before it as docs/how-to/production.md has it; what serves that is the tests' own."""
    authority = certificates.authority(tmp_path)
    old = certificates.dated(tmp_path, authority, "old", "20200101000000Z", "20200201000000Z")
    new = certificates.dated(tmp_path, authority, "new", "20200101000000Z", "20491231000000Z")
    with fronted(environment, old, tmp_path) as url:
        asking = ("--registry", url, "--ca-file", str(authority.certificate))
        found = looked(environment, *asking)
        assert found.content["broken_at"] == "tls"
        assert "certificate has expired" in found.of("tls")["seen"]
        assert "describe certificate registry-tls --namespace storage" in found.of("tls")["repair"], (
            "cert-manager's"
        )
        environment.kubectl(*IN_STORAGE, "annotate", "ingress/docker-registry", "cert-manager.io/cluster-issuer-")
        repair = looked(environment, *asking).of("tls")["repair"]
        typed(environment, repair.replace("CERTIFICATE", str(new.certificate)).replace("KEY", str(new.key)))
        # The kubelet looks at a pod's Secrets every minute, and whenever the pod changes.
        environment.kubectl(*IN_STORAGE, "annotate", "pod/front", "looked-at=now")
        healthy(environment, *asking)


@contextlib.contextmanager
def fronted(environment: Environment, pair: KeyPair, folder: Path) -> Iterator[str]:
    """Have TLS before the registry, and give its URL on this machine."""
    image, port = f"{environment.registry}/doctor/front:v1", free_port()
    typed(environment, f"docker tag python:3.11-slim {image} && docker push {image} && docker rmi {image}")
    (manifests := folder / "front.yaml").write_text(yaml.safe_dump_all([ingress(), front(image)]))
    kubectl = [
        "kubectl",
        f"--kubeconfig={environment.kubeconfig}",
        f"--context={environment.context}",
        *IN_STORAGE,
    ]
    files = (f"--cert={pair.certificate}", f"--key={pair.key}")
    run(*kubectl, "create", "secret", "tls", "registry-tls", *files)
    try:
        run(*kubectl, "apply", "-f", str(manifests))
        run(*kubectl, "wait", "pod/front", "--for=condition=Ready", "--timeout=100s")
        with subprocess.Popen([*kubectl, "port-forward", "pod/front", f"{port}:8443"]) as forwarding:
            try:
                eventually(lambda: holder_of(port) is not None)
                yield f"https://localhost:{port}"
            finally:
                forwarding.terminate()
    finally:
        run(*kubectl, "delete", "-f", str(manifests), "--ignore-not-found")
        run(*kubectl, "delete", "secret", "registry-tls")
        assert environment.run_dlr("delete-image", image, "--yes").returncode == 0


def ingress() -> Object:
    """Return the ingress of the documentation, for the name under which the tests reach it."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "production.md").read_text()
    text = page.partition("# registry-ingress.yaml")[2].partition("```")[0]
    found: Object = yaml.safe_load(text.replace("registry.example.com", "localhost"))
    return found


def front(image: str) -> Object:
    """Return a pod that serves the ingress."""
    rights = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    container = {
        "name": "front",
        "image": image,
        "command": ["python3", "-c", FRONT],
        "readinessProbe": {"tcpSocket": {"port": 8443}},
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        "securityContext": rights | {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    volume = {"name": "tls", "secret": {"secretName": "registry-tls"}}
    spec = {"containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "front"}, "spec": spec}
