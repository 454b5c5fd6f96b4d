"""What links make of what cannot be had here on demand, in the cluster's and the system's own structures."""

from __future__ import annotations

import copy
import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.cluster.ports import next_free
from ducklake_registry.doctor import address, kubernetes, laptop, pods
from ducklake_registry.doctor.finding import Look, Remedy, Severity
from tests.doctor.patients import CONTEXT, READY, deployed, only, patient, with_image
from tests.unit.test_diagnosis import RUNNING, UNSCHEDULABLE, pod, waiting

if TYPE_CHECKING:
    from pathlib import Path


class TestPods:
    def test_out_of_memory_in_a_loop(self) -> None:
        ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
        crashing = with_image(pod(waiting("CrashLoopBackOff", lastState=ended)))
        found = only(pods.pod(patient(deployment=deployed(), pods=[crashing], log=[])))
        assert "killed for want of memory" in found.seen
        assert "512Mi" in found.means
        assert found.repair == "dlr deploy-registry --memory 1Gi"

    def test_out_of_memory_once(self) -> None:
        ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
        running = with_image(pod(RUNNING | {"lastState": ended}, phase="Running"))
        whole = deployed(updatedReplicas=1, availableReplicas=1, replicas=1)
        found = only(pods.pod(patient(deployment=whole, pods=[running], log=[], release="registry x v3.1.2")))
        assert found.severity is Severity.WARNING
        assert "started again" in found.seen

    def test_out_of_memory_for_the_first_time(self) -> None:
        """It has not been started again yet, and has more than usual already."""
        ended = {"name": "registry", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
        roomy = copy.deepcopy(deployed())
        roomy["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "3Gi"
        found = only(pods.pod(patient(deployment=roomy, pods=[with_image(pod(ended))], log=[])))
        assert "killed for want of memory" in found.seen
        assert found.repair == "dlr deploy-registry --memory 6144Mi"

    def test_no_node_takes_it(self) -> None:
        unplaced = with_image(pod()) | {"status": {"phase": "Pending", "conditions": [UNSCHEDULABLE]}}
        found = only(pods.pod(patient(deployment=deployed(), pods=[unplaced])))
        assert "Insufficient memory" in found.seen
        assert "ask for less with --cpu and --memory" in found.means

    def test_no_node_takes_it_before_its_claim_has_a_class(self) -> None:
        said = "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
        unplaced = with_image(pod()) | {"status": {"conditions": [UNSCHEDULABLE | {"message": said}]}}
        found = only(pods.pod(patient(deployment=deployed(), pods=[unplaced], nodes=[])))
        assert found.remedy is Remedy.RESTART
        assert "rollout restart deployment/docker-registry" in found.repair

    def test_no_pod_can_be_made(self) -> None:
        refused = {"type": "ReplicaFailure", "status": "True", "message": 'pods "x" is forbidden: exceeded quota'}
        found = only(pods.pod(patient(deployment=deployed(conditions=[refused]), pods=[])))
        assert "exceeded quota" in found.seen

    def test_a_quota_that_is_used_up(self) -> None:
        used = "used: limits.memory=512Mi,pods=3, limited: limits.memory=600Mi,pods=3"
        message = f'pods "x" is forbidden: exceeded quota: team, requested: limits.memory=512Mi,pods=1, {used}'
        refused = {"type": "ReplicaFailure", "status": "True", "message": message}
        found = only(pods.pod(patient(deployment=deployed(conditions=[refused]), pods=[])))
        patch, _, restart = found.repair.partition(" && ")
        *_, change = shlex.split(patch)
        assert json.loads(change) == {"spec": {"hard": {"limits.memory": "1073741824", "pods": "4"}}}
        assert "rollout restart deployment/docker-registry" in restart

    def test_an_image_that_only_the_engine_has(self) -> None:
        lacking = with_image(pod(waiting("ImagePullBackOff", "no such image")), "registry:in-the-engine")
        found = only(pods.pod(patient(deployment=deployed(), pods=[lacking])))
        assert (found.remedy, found.repair) == (Remedy.LOAD_IMAGE, "dlr deploy-kind")

    def test_no_space_left_while_it_runs(self) -> None:
        running = with_image(pod(RUNNING, phase="Running"))
        whole = deployed(updatedReplicas=1, availableReplicas=1, replicas=1)
        log = ['level=error msg="unknown error" err.detail="write: no space left on device"']
        found = only(pods.pod(patient(deployment=whole, pods=[running], log=log, release="")))
        assert "no space left on device" in found.seen
        assert found.repair.startswith("dlr delete-image --with-platforms localhost:5000/IMAGE && kubectl ")
        assert "dlr list-registry-images --sort size" in found.repair

    def test_no_space_left_to_start(self) -> None:
        """What does not run cannot give up images: only more room helps."""
        log = ['level=fatal msg="write /var/lib/registry/x: no space left on device"']
        crashing = with_image(pod(waiting("CrashLoopBackOff")))
        facts: dict[str, Any] = {"deployment": deployed(), "pods": [crashing], "log": log}
        assert only(pods.pod(patient(**facts))).repair.startswith("docker builder prune --all && docker image ")
        spec = {"resources": {"requests": {"storage": "10Gi"}}}
        metadata = {"name": "registry-storage", "namespace": "storage"}
        claim = {"metadata": metadata, "spec": spec, "status": {"phase": "Bound", "capacity": {"storage": "10Gi"}}}
        elsewhere = patient(**facts, claim=claim, context="production", containers=[], services={})
        assert only(pods.pod(elsewhere)).repair == "dlr deploy-registry --storage-size 20480Mi"

    @pytest.mark.parametrize(
        ("log", "why"),
        [
            (
                ["a line", "panic: StorageDriver not registered: nonsense", "", "goroutine 1 [running]:"],
                "StorageDr",
            ),
            (["configuration error: error parsing /etc/config.yml: yaml: line 3: oops"], "error parsing"),
            (['time="…" level=fatal msg="open /certs/tls.crt: no such file" go.version=go1.26'], "open /certs"),
            (['level=error msg="a \\"quoted\\" one" x=1', "level=info msg=after"], 'a "quoted" one'),
            (["Error: unknown command"], "unknown command"),
            ([], ""),
        ],
    )
    def test_the_last_words_of_a_log(self, log: list[str], why: str) -> None:
        assert pods.last_words(log).startswith(why) or why in pods.last_words(log)
        assert bool(pods.last_words(log)) is bool(log)


class TestNodes:
    def node(self, *conditions: dict[str, Any], **spec: Any) -> dict[str, Any]:
        return {
            "metadata": {"name": "node-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": spec,
            "status": {"conditions": list(conditions), "nodeInfo": {"kubeletVersion": "v1.34.4"}},
        }

    def test_pressure(self) -> None:
        pressed = self.node(READY, {"type": "DiskPressure", "status": "True"})
        found = only(laptop.nodes(patient(nodes=[pressed])))
        assert found.seen == "node node-1 reports DiskPressure"
        assert found.repair.startswith("docker builder prune --all && docker image prune --all  # ")
        found = only(laptop.nodes(patient(nodes=[pressed], context="production", containers=[])))
        assert found.repair == "kubectl --context production describe node node-1"

    def test_a_pressure_that_no_image_makes(self) -> None:
        pressed = self.node(READY, {"type": "PIDPressure", "status": "True"})
        found = only(laptop.nodes(patient(nodes=[pressed])))
        assert found.repair == f"kubectl --context {CONTEXT} describe node node-1"

    def test_a_kubelet_that_is_silent(self) -> None:
        silent = self.node(
            {"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}
        )
        found = only(laptop.nodes(patient(nodes=[silent])))
        assert "Kubelet stopped posting" in found.seen
        assert found.repair == "docker exec node-1 systemctl restart kubelet"

    def test_a_cordoned_one(self) -> None:
        found = only(laptop.nodes(patient(nodes=[self.node(READY, unschedulable=True)])))
        assert (found.severity, found.repair) == ("warning", f"kubectl --context {CONTEXT} uncordon node-1")


class TestClaims:
    def claim(self, phase: str, storage_class: str | None) -> dict[str, Any]:
        spec: dict[str, Any] = {"resources": {"requests": {"storage": "10Gi"}}}
        spec |= {"storageClassName": storage_class} if storage_class else {}
        metadata = {"name": "registry-storage", "namespace": "storage"}
        return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}

    def test_lost(self) -> None:
        found = only(kubernetes.claim(patient(claim=self.claim("Lost", "standard"))))
        assert "the images are lost" in found.means

    def test_of_a_class_that_there_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        classes = [{"metadata": {"name": "fast"}, "volumeBindingMode": "Immediate"}]
        found = only(self.looked_at(monkeypatch, self.claim("Pending", "slow"), classes, []))
        assert "there is no storage class slow" in found.seen
        assert found.repair.endswith("dlr deploy-registry --storage-class fast")
        assert found.remedy is None, "it gives up a claim"

    def test_without_any_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """kind's own can be made again; elsewhere it takes somebody who knows the cluster."""
        pending = self.claim("Pending", None)
        found = only(self.looked_at(monkeypatch, pending, [], []))
        assert (found.repair, found.remedy) == ("dlr deploy-kind", Remedy.DEPLOY_KIND)
        found = only(self.looked_at(monkeypatch, pending, [], [], context="production", containers=[]))
        assert found.repair.startswith("install a storage provisioner")

    def test_whose_provider_is_silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        classes = [{"metadata": {"name": "fast"}, "volumeBindingMode": "Immediate"}]
        event = {
            "involvedObject": {"name": "registry-storage"},
            "reason": "ExternalProvisioning",
            "message": "waiting for a volume",
            "lastTimestamp": "2026-01-01T00:00:00Z",
        }
        found = only(self.looked_at(monkeypatch, self.claim("Pending", "fast"), classes, [event]))
        assert "waiting for a volume" in found.seen

    def test_that_waits_for_its_pod(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The pod is what keeps it waiting, and is to be blamed."""
        classes = [{"metadata": {"name": "fast"}, "volumeBindingMode": "WaitForFirstConsumer"}]
        look = self.looked_at(monkeypatch, self.claim("Pending", "fast"), classes, [])
        assert look.findings == ()

    def looked_at(
        self,
        monkeypatch: pytest.MonkeyPatch,
        claim: dict[str, Any],
        classes: list[Any],
        events: list[Any],
        **facts: Any,
    ) -> Look:
        made = patient(claim=claim, api_version="v1.34.4", **facts)
        kinds = {"StorageClass": classes, "Event": events}
        monkeypatch.setattr(type(made.cluster), "objects", lambda _self, kind, *_: kinds[kind.name])
        return kubernetes.claim(made)


class TestPorts:
    @pytest.mark.parametrize(("name", "airplay"), [("ControlCenter", True), ("other-program", False)])
    def test_who_holds_it(self, tmp_path: Path, name: str, airplay: bool) -> None:
        """macOS' AirPlay Receiver is known by its program's name."""
        (program := tmp_path / name).symlink_to(sys.executable)
        serve = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
        argv = [str(program), "-c", f"{serve}; input()"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout
            port = int(holder.stdout.readline())
            made = patient(f"localhost:{port}", containers=[])
            found = only(address.host_port(made))
            holder.communicate("")
        assert f"is held by {name[:15]} (process {holder.pid})" in found.seen
        assert ("AirPlay" in found.seen) is airplay
        assert ("AirPlay Receiver off" if airplay else f"kill {holder.pid}") in found.repair
        assert f"dlr deploy-kind --host-port {next_free(port)}" in found.repair
        assert found.independent, "whatever the cluster is like, it cannot have that port"

    def test_another_port_than_kind_maps(self) -> None:
        found = only(address.host_port(patient("localhost:1")))
        assert found.repair == "export DLR_REGISTRY=localhost:5000"
