"""`dlr doctor` and a node's disk that is nearly full, which is the disk of an engine too.

The machine's engine has much that is not the tests': the disk is a small one, of a node and of another engine.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.doctor.own_engine import WHY_NONE, own_engine
from tests.e2e.conftest import run
from tests.e2e.examining import healthy, until
from tests.e2e.faults import restart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Environment

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.usefixtures("sound_afterwards"),
    pytest.mark.skipif(WHY_NONE is not None, reason=str(WHY_NONE)),
]

KUBELET = "/var/lib/kubelet/config.yaml"
IMAGES = "/var/lib/containerd"
MIB = 1 << 20
# What runs goes on; a node's own files for devices are those of the time when it was made.
MOVE = """
systemctl stop kubelet containerd
[ -e {device} ] || mknod {device} b {major} {minor}
mkdir -p /disk && mount {device} /disk
cp -a /var/lib/containerd /disk/
mount --bind /disk/containerd /var/lib/containerd
systemctl start containerd kubelet
"""
MOVE_BACK = """
systemctl stop kubelet containerd
umount --lazy /var/lib/containerd /disk
systemctl start containerd kubelet
"""


def test_a_disk_that_is_nearly_full(environment: Environment, tmp_path: Path) -> None:
    worker = environment.nodes()[-1]
    size = int(run("docker", "exec", worker, "du", "--summarize", "--block-size=1", IMAGES).split()[0])
    with (
        disk(size * 11 // 10 + 600 * MIB, tmp_path) as device,
        mounted(device, tmp_path / "disk") as folder,
        shared_with(environment, worker, device),
        own_engine(folder) as engine,
        watched(worker, free_in(folder) - 150 * MIB),
    ):
        healthy(environment)
        run("docker", "--host", engine.url, "import", large_archive(tmp_path), "unused:v1")
        found = until(environment, "nodes", f"node {worker} reports DiskPressure")
        assert found.content["broken_at"] == "nodes"
        # Each command asks first, and reads more than its own answer where that is no terminal's.
        said = engine.typed(found.of("nodes")["repair"], answers="y\n" * 10_000)
        assert "untagged: unused:v1" in said
        healthy(environment)


@contextlib.contextmanager
def disk(size: int, folder: Path) -> Iterator[str]:
    """Make a disk, and give the device that it is."""
    with (file := folder / "disk.image").open("wb") as image:
        image.truncate(size)
    run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(file))
    device = run("losetup", "--find", "--show", str(file)).strip()
    try:
        yield device
    finally:
        run("losetup", "--detach", device)


@contextlib.contextmanager
def mounted(device: str, folder: Path) -> Iterator[Path]:
    folder.mkdir()
    run("mount", device, str(folder))
    try:
        yield folder
    finally:
        run("umount", str(folder))


@contextlib.contextmanager
def shared_with(environment: Environment, node: str, device: str) -> Iterator[None]:
    """Have a node keep its images on a disk; what it has started meanwhile is not known to it afterwards."""
    number = Path(device).stat().st_rdev
    on_node = ("docker", "exec", node, "bash", "-euc")
    run(*on_node, MOVE.format(device=device, major=os.major(number), minor=os.minor(number)))
    try:
        yield
    finally:
        run(*on_node, MOVE_BACK)
        start_anew(environment)


def start_anew(environment: Environment) -> None:
    """Replace the pods that the next tests need: a node replaces those that it does not know in its own time."""
    proxies = ("--namespace", "kube-system", "rollout")
    environment.kubectl(*proxies, "restart", "daemonset/kube-proxy")
    environment.kubectl(*proxies, "status", "daemonset/kube-proxy", "--timeout=110s")
    restart(environment)


@contextlib.contextmanager
def watched(node: str, least: int) -> Iterator[None]:
    """Let a kubelet tell when so few bytes are free, as kind's do not, but throw nothing out for an hour."""
    kept = run("docker", "exec", node, "cat", KUBELET)
    soft = {
        "evictionSoft": {"imagefs.available": f"{least // MIB}Mi"},
        "evictionSoftGracePeriod": {"imagefs.available": "1h"},
        "evictionPressureTransitionPeriod": "5s",
    }
    configure(node, yaml.safe_dump(yaml.safe_load(kept) | soft))
    try:
        yield
    finally:
        configure(node, kept)


def configure(node: str, text: str) -> None:
    """Start a kubelet anew with another configuration."""
    write = ["docker", "exec", "--interactive", node, "tee", KUBELET]
    subprocess.run(write, input=text, capture_output=True, text=True, check=True)
    run("docker", "exec", node, "systemctl", "restart", "kubelet")


def free_in(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def large_archive(folder: Path) -> str:
    """Make the files of an image that takes 250 MiB."""
    content = tarfile.TarInfo("content")
    content.size = 250 * MIB
    with tarfile.open(folder / "large.tar", "w") as archive:
        archive.addfile(content, io.BytesIO(os.urandom(content.size)))
    return str(folder / "large.tar")
