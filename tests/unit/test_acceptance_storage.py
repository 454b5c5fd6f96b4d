"""What `dlr test-registry` makes of nodes and of volumes that cannot be had here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from ducklake_registry.acceptance import inside, storage
from ducklake_registry.acceptance.check import CheckFailed, CheckSkipped
from ducklake_registry.acceptance.cleanup import Cleanup
from ducklake_registry.cluster.execute import Executed
from ducklake_registry.reports.volume import Disk

if TYPE_CHECKING:
    from ducklake_registry.acceptance.context import Context


class TestNodes:
    @pytest.mark.parametrize(
        ("ready", "said"),
        [
            ((True, True), ""),
            ((True, False), "; not ready: node-1"),
            ((True,) * 7 + (False,), "; not ready: node-7; no more than 5 are tried"),
        ],
    )
    def test_those_that_were_left_out_are_told(self, ready: tuple[bool, ...], said: str) -> None:
        nodes = [
            {
                "metadata": {"name": f"node-{number}"},
                "status": {"conditions": [{"type": "Ready", "status": str(each)}]},
            }
            for number, each in enumerate(ready)
        ]
        assert inside._left_out(nodes) == said


MOUNT = {"name": "storage", "mountPath": "/var/lib/registry"}
GOOD_MOUNTS = "/dev/sda1 /var/lib/registry ext4 rw,relatime 0 0\n"


@dataclass
class Pod:
    """A Site with a pod of our making; programs that run in it say what they are told to."""

    volume: dict[str, Any] | None = None
    claim: dict[str, Any] | None = None
    said: dict[str, Executed] = field(default_factory=dict)
    namespace: str = "storage"

    @property
    def cluster(self) -> Pod:
        return self

    def get(self, *_: object) -> dict[str, Any] | None:
        return self.claim

    def pod(self) -> dict[str, Any]:
        volumes = [{"name": "storage", **self.volume}] if self.volume else []
        return {"spec": {"containers": [{"volumeMounts": [MOUNT]}], "volumes": volumes}}

    def run(self, *argv: str) -> Executed:
        return self.said.get(argv[0], Executed("", "", 0))


@dataclass
class Around:
    """A Context with such a pod."""

    site: Pod
    cleanup: Cleanup = field(default_factory=Cleanup)
    run: str = "0"

    def needs_site(self) -> Pod:
        return self.site


def around(**pod: Any) -> Context:
    return cast("Context", Around(Pod(**pod)))


class TestStorage:
    def test_of_a_bound_claim_passes(self) -> None:
        bound = {
            "spec": {"storageClassName": "standard"},
            "status": {"phase": "Bound", "capacity": {"storage": "10Gi"}},
        }
        volume = {"persistentVolumeClaim": {"claimName": "registry-storage"}}
        assert "10Gi of class standard" in storage.claim(around(volume=volume, claim=bound)).text

    @pytest.mark.parametrize(
        ("pod", "words"),
        [
            ({"volume": {"emptyDir": {}}}, "emptyDir: its images are lost with the pod"),
            ({}, "no volume at all"),
            ({"volume": {"persistentVolumeClaim": {"claimName": "c"}}}, "the claim c is not there"),
            (
                {
                    "volume": {"persistentVolumeClaim": {"claimName": "c"}},
                    "claim": {"spec": {}, "status": {"phase": "Lost"}},
                },
                "the claim c is Lost",
            ),
        ],
    )
    def test_that_does_not_last_fails(self, pod: dict[str, Any], words: str) -> None:
        with pytest.raises(CheckFailed, match=words):
            storage.claim(around(**pod))

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ({"cat": Executed("overlay / overlay rw 0 0\n", "", 0)}, "nothing is mounted"),
            ({"cat": Executed(GOOD_MOUNTS.replace("rw", "ro"), "", 0)}, "mounted read-only"),
            (
                {"cat": Executed(GOOD_MOUNTS, "", 0), "touch": Executed("", "touch: Permission denied", 1)},
                "cannot write there: touch: Permission denied",
            ),
        ],
    )
    def test_that_cannot_be_written_to_fails(self, said: dict[str, Executed], words: str) -> None:
        with pytest.raises(CheckFailed, match=words):
            storage.mount(around(said=said))

    def test_that_can_be_written_to_passes(self) -> None:
        said = {"cat": Executed(GOOD_MOUNTS, "", 0), "id": Executed("1000\n", "", 0)}
        assert storage.mount(around(said=said)).text == "ext4 at /var/lib/registry, written to by user 1000"

    def test_that_is_full_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(storage, "stored", lambda *_: 2**30)
        monkeypatch.setattr(storage, "disk", lambda *_: Disk(100 * 2**30, 2 * 2**30))
        with pytest.raises(
            CheckFailed, match=r"the volume is full: 1,024\.0 MiB stored, 2,048 of 102,400 MiB free"
        ):
            storage.use(around())

    def test_is_not_restarted_unasked(self) -> None:
        context = around()
        vars(context)["disruptive"] = False
        with pytest.raises(CheckSkipped, match="--disruptive"):
            storage.restart(context)
