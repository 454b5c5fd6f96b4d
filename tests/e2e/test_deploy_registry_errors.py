"""Every way in which `dlr deploy-registry` and `dlr deploy-kind` can fail on a real cluster."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.manifests import data_folder
from tests.docker_command import forget_images
from tests.e2e.conftest import Environment, run
from tests.e2e.failing import CLUSTER, ENGINE, TIMEOUT, USAGE, fails

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.cluster


@pytest.fixture
def image(registry_afterwards: None) -> Iterator[str]:
    """A name for an image that nobody has, on a registry that is not there."""
    yield "localhost:1/no/such:image"
    forget_images("no/such")


def test_an_image_that_cannot_be_pulled(environment: Environment, image: str) -> None:
    """And once the engine has it, nobody waits for the node to try again: that takes up to five minutes."""
    done = environment.run_dlr("deploy-registry", "--registry-image", image)
    fails(done, CLUSTER, "docker-registry does not start", "ImagePull", image, "--registry-image")
    run("docker", "tag", "registry:3.1.2", image)
    _starts_at_once(environment, image)


def test_an_image_that_is_no_registrys(environment: Environment, image: str) -> None:
    """Nothing could be started, so nobody is sent to a log; and the next try, once it is mended, is at once."""
    run("docker", "tag", "debian:bookworm-slim", image)
    done = environment.run_dlr("deploy-kind", "--registry-image", image)
    fails(done, CLUSTER, "StartError", '"serve": executable file not found', "event: ", "with --registry-image")
    run("docker", "tag", "registry:3.1.2", image)
    _starts_at_once(environment, image)


def _starts_at_once(environment: Environment, image: str) -> None:
    held_back = _pods(environment)
    mended = environment.run_dlr("deploy-kind", "--registry-image", image)
    assert mended.returncode == 0, mended.stderr
    assert "unchanged; pods: 1 replaced" in mended.stderr
    assert not held_back & _pods(environment)


def _pods(environment: Environment) -> set[str]:
    return set(environment.kubectl("--namespace", "storage", "get", "pods", "--output", "name").split())


@pytest.mark.usefixtures("registry_afterwards")
def test_a_registry_that_does_not_start_in_time(environment: Environment) -> None:
    done = environment.run_dlr("deploy-registry", "--registry-image", "debian:bookworm-slim", "--timeout", "10s")
    # The image is not in the nodes and cannot be pulled, or it can and has no such program: either way it says so.
    fails(done, TIMEOUT, "last seen: 0 of 1 ready", "event: ")


def test_a_claim_that_stays_pending(environment: Environment, tmp_path: Path) -> None:
    klass = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "nobody"},
        "provisioner": "example.com/nobody",
        "volumeBindingMode": "Immediate",
    }
    with applied(environment, klass, tmp_path):
        words = ["--namespace", "pending", "--node-port", "30503", "--storage-class", "nobody", "--timeout", "8s"]
        done = environment.run_dlr("deploy-registry", *words)
        fails(done, TIMEOUT, "unbound immediate PersistentVolumeClaims", "hint: see why the claim waits")
        gone = environment.run_dlr("clean-registry", "--namespace", "pending", "--yes", "--delete-data")
        assert gone.returncode == 0, gone.stderr


def test_no_storage_class(environment: Environment) -> None:
    words = ["--namespace", "classless", "--node-port", "30504"]
    fails(environment.run_dlr("deploy-registry", *words, "--storage-class", "gold"), CLUSTER, "'gold'", "standard")
    mark = "storageclass.kubernetes.io/is-default-class"
    environment.kubectl("annotate", "storageclass", "standard", "--overwrite", f"{mark}=false")
    try:
        fails(environment.run_dlr("deploy-registry", *words), CLUSTER, "no default storage class", "standard")
    finally:
        environment.kubectl("annotate", "storageclass", "standard", "--overwrite", f"{mark}=true")
    assert "classless" not in environment.kubectl("get", "namespaces"), "nothing was left half done"


@pytest.mark.usefixtures("registry_afterwards")
def test_a_cluster_without_any_storage_class(environment: Environment) -> None:
    """`deploy-registry` says so, whether or not there is a claim; `deploy-kind` makes kind's own again."""
    gone = environment.run_dlr("clean-registry", "--delete-data", "--yes")
    assert gone.returncode == 0, gone.stderr
    environment.kubectl("delete", "storageclasses", "--all")
    no_class = ("no default storage class", "install a storage provisioner")
    fails(environment.run_dlr("deploy-registry"), CLUSTER, *no_class)
    environment.kubectl("apply", "-f", str(data_folder("manifests")))
    fails(environment.run_dlr("deploy-registry"), CLUSTER, *no_class)
    done = environment.run_dlr("deploy-kind")
    assert done.returncode == 0, done.stderr
    assert "made its storage class again" in done.stderr


@pytest.mark.usefixtures("registry_afterwards")
def test_a_claim_that_waits_for_a_class_can_be_given_one(environment: Environment) -> None:
    mark = "storageclass.kubernetes.io/is-default-class"
    gone = environment.run_dlr("clean-registry", "--delete-data", "--yes")
    assert gone.returncode == 0, gone.stderr
    environment.kubectl("annotate", "storageclass", "standard", "--overwrite", f"{mark}=false")
    try:
        environment.kubectl("apply", "-f", str(data_folder("manifests")))
        fails(environment.run_dlr("deploy-registry"), CLUSTER, "no default storage class", "NAME: standard")
        done = environment.run_dlr("deploy-registry", "--storage-class", "standard")
        assert done.returncode == 0, done.stderr
    finally:
        environment.kubectl("annotate", "storageclass", "standard", "--overwrite", f"{mark}=true")


def test_a_node_port_that_is_taken(environment: Environment) -> None:
    done = environment.run_dlr("deploy-registry", "--namespace", "second")
    fails(done, CLUSTER, "30500", "already allocated", "--node-port")
    environment.run_dlr("clean-registry", "--namespace", "second", "--yes", "--delete-data")


def test_forbidden_by_rbac(environment: Environment, tmp_path: Path) -> None:
    environment.kubectl("create", "serviceaccount", "nobody")
    try:
        token = environment.kubectl("create", "token", "nobody").strip()
        content = yaml.safe_load(environment.kubeconfig.read_text())
        content["users"].append({"name": "nobody", "user": {"token": token}})
        own = next(each for each in content["contexts"] if each["name"] == environment.context)
        content["contexts"].append({"name": "nobody", "context": {**own["context"], "user": "nobody"}})
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(content))
        done = environment.run_dlr("deploy-registry", "--kubeconfig", str(path), "--context", "nobody")
        fails(done, CLUSTER, "not allowed", "system:serviceaccount:default:nobody", "RBAC")
        assert token not in done.stderr
    finally:
        environment.kubectl("delete", "serviceaccount", "nobody")


def test_surroundings_that_are_not_there(environment: Environment, tmp_path: Path) -> None:
    missing, malformed = str(tmp_path / "none"), tmp_path / "malformed"
    malformed.write_text("{ this is: no kubeconfig")
    deploy = environment.run_dlr
    fails(deploy("deploy-registry", "--context", "nowhere"), USAGE, "'nowhere'", environment.context)
    fails(deploy("deploy-registry", "--kubeconfig", missing), USAGE, "deploy-kind")
    fails(deploy("deploy-registry", "--kubeconfig", str(malformed)), CLUSTER, "no kubeconfig")
    fails(deploy("deploy-registry", "--kubeconfig", str(tmp_path)), CLUSTER, "cannot read")
    fails(deploy("deploy-registry", "--context", "somebody-elses", "--timeout", "5s"), CLUSTER, "does not answer")
    fails(deploy("deploy-kind", DOCKER_HOST="unix:///nowhere.sock"), ENGINE, "Docker Engine does not answer")


def test_a_taken_port_names_who_holds_it(environment: Environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = environment.run_dlr("deploy-kind", "--name", "never-made", "--host-port", port)
    fails(done, ENGINE, f"port {port}", f"process {os.getpid()}", "--host-port")
    other = environment.run_dlr("deploy-kind", "--name", "never-made", "--host-port", str(environment.host_port))
    fails(other, ENGINE, f"the container {environment.name}-control-plane")
    assert "never-made" not in run("kind", "get", "clusters")


def test_a_node_whose_disk_is_full(environment: Environment) -> None:
    """The node's content store is moved to a small disk of its own, which has room for next to nothing more."""
    store, small = "/var/lib/containerd/io.containerd.content.v1.content", "/small"
    shrink = f"""
        mkdir -p {small} && mount -t tmpfs -o size=$(( $(du -sk {store} | cut -f1) + 1024 ))k tmpfs {small}
        cp -a {store}/. {small}/ && mount --bind {small} {store}"""
    on_node = ["docker", "exec", environment.nodes()[0], "bash", "-ec"]
    run(*on_node, shrink)
    try:
        done = environment.run_dlr("deploy-kind", "--registry-image", "python:3.11-slim")
        fails(done, CLUSTER, "no space left on device", "free space")
    finally:
        run(*on_node, f"umount {store} {small}")


@contextlib.contextmanager
def applied(environment: Environment, content: Mapping[str, object], folder: Path) -> Iterator[None]:
    """Have an object on the cluster while the body runs."""
    path = folder / "object.yaml"
    path.write_text(yaml.safe_dump(dict(content)))
    environment.kubectl("apply", "-f", str(path))
    try:
        yield
    finally:
        environment.kubectl("delete", "-f", str(path))
