"""What links make of what cannot be had here on demand, in the cluster's and the system's own structures."""

from __future__ import annotations

import copy
import json
import shlex
import socket
import subprocess
import sys
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from ducklake_registry.cli.main import app
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.cluster.ports import next_free
from ducklake_registry.doctor import address, kubernetes, laptop, pods, runner, services
from ducklake_registry.doctor.case import Case
from ducklake_registry.doctor.finding import Finding, Look, Remedy, Severity, State, not_applicable, sound
from ducklake_registry.doctor.link import Link
from ducklake_registry.doctor.patient import Patient
from ducklake_registry.doctor.releases import outdated
from ducklake_registry.doctor.settings import allowed
from ducklake_registry.engine import Node
from ducklake_registry.errors import AccessDenied, ClusterError, DlrError, EngineError, UsageError
from ducklake_registry.manifests import RegistrySpec, find, registry_objects, usual_spec
from ducklake_registry.registry import RegistryClient, Retry
from tests.doctor.conftest import NoEngine
from tests.unit.test_diagnosis import RUNNING, UNSCHEDULABLE, pod, waiting

CONTEXT = "kind-ducklake-cluster"
CONTAINER = Node("ducklake-cluster-control-plane", "control-plane", True, {30500: 5000})
DEPLOYMENT = find(registry_objects(), "Deployment", "docker-registry")
READY = {"type": "Ready", "status": "True"}


class Unused(NoEngine):
    """An engine none of whose containers has the port, and that has no image."""

    def version(self) -> str:
        return "28.0.0"

    def holder_of(self, port: int) -> None:
        """Know of none."""
        del port

    def image_id(self, reference: str) -> str | None:
        return {"registry:in-the-engine": "sha256:1"}.get(reference)


def patient(registry: str = "localhost:5000", **facts: Any) -> Patient:
    """Return a patient some of whose facts are known already."""
    impatient = partial(RegistryClient, timeout=0.5, retry=Retry(attempts=1))
    case = Case(Kubeconfig((Path("/nowhere"),)), None, "storage", registry, impatient, Unused())
    made = Patient(case)
    for name, value in ({"context": CONTEXT, "belongs": True, "containers": [CONTAINER]} | facts).items():
        made.answers[name] = Future()
        made.answers[name].set_result(value)
    return made


def deployed(replicas: int = 1, **status: Any) -> dict[str, Any]:
    metadata = DEPLOYMENT["metadata"] | {"generation": 1}
    return DEPLOYMENT | {"metadata": metadata, "status": {"observedGeneration": 1} | status}


def with_image(found: dict[str, Any], image: str = "registry:3.1.2") -> dict[str, Any]:
    return found | {"spec": {"containers": [{"image": image}]}}


def only(look: Look) -> Finding:
    (found,) = look.findings
    return found


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


CONFIG = find(registry_objects(), "ConfigMap", "registry-config")
TEXT = CONFIG["data"]["config.yml"]
FROZEN = TEXT.replace("maintenance:", "maintenance:\n    readonly: {enabled: true}")
AUTH = "auth:\n  htpasswd:\n    realm: ours\n    path: /etc/docker-registry/htpasswd\n"


class TestDeployingAgain:
    """It makes the configuration dlr's own, so `--fix` leaves it to those whose configuration is another."""

    @pytest.mark.parametrize(
        ("config_map", "lost"),
        [
            (None, None),
            (CONFIG, None),
            ({}, None),
            ({"data": {"config.yml": FROZEN}}, None),
            (
                {"data": {"config.yml": TEXT + AUTH}},
                "auth.htpasswd.path is /etc/docker-registry/htpasswd (dlr's: missing)",
            ),
            ({"data": {"config.yml": AUTH + "a: ["}}, "its config.yml, which is no YAML"),
            ({"data": {"config.yml": "words"}}, "its config.yml, which is no mapping of settings"),
        ],
    )
    @pytest.mark.parametrize("broken", ["service", "scaled", "removed"])
    def test_is_made_only_where_nothing_was_chosen(
        self, config_map: dict[str, Any] | None, lost: str | None, broken: str
    ) -> None:
        stopped = deployed() | {"spec": DEPLOYMENT["spec"] | {"replicas": 0}}
        deployment = {"service": deployed(), "scaled": stopped, "removed": None}[broken]
        made = patient(deployment=deployment, services={}, pods=[], config_map=config_map)
        found = only(services.service(made) if broken == "service" else pods.pod(made))
        assert found.repair == "dlr deploy-registry"
        assert found.remedy is (None if lost else Remedy.DEPLOY_REGISTRY)
        assert (f"would replace what was chosen: {lost}" if lost else "") in found.means

    @pytest.mark.parametrize(
        ("section", "key", "value"),
        [
            ("redis", "password", "hunter2"),
            ("storage", "s3", {"secretkey": "hunter2"}),
            ("log", "hooks", [{"options": {"smtp": "hunter2"}}]),
        ],
    )
    def test_no_secret_is_told(self, section: str, key: str, value: Any) -> None:
        config = yaml.safe_load(TEXT)
        config.setdefault(section, {})[key] = value
        made = patient(
            deployment=deployed(),
            services={},
            pods=[],
            config_map={"data": {"config.yml": yaml.safe_dump(config)}},
        )
        told = only(services.service(made)).means
        assert f"{section}.{key}" in told
        assert "is set (dlr's: missing)" in told
        assert "hunter2" not in told

    def test_what_is_no_yaml_is_told_without_its_lines(self) -> None:
        broken = {"data": {"config.yml": "redis:\n  password: hunter2\n  a: [\n"}}
        made = patient(deployment=deployed(), services={}, pods=[], config_map=broken)
        told = only(services.service(made)).means
        assert "no YAML: expected the node content, but found '<stream end>' in line 4" in told
        assert "hunter2" not in told

    def test_is_not_made_where_that_cannot_be_seen(self) -> None:
        made = patient(deployment=deployed(), services={}, pods=[])
        made.answers["config_map"] = Future()
        made.answers["config_map"].set_exception(AccessDenied("no right"))
        assert only(services.service(made)).remedy is None


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


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("10.1.2.3:5000", True),
        ("registry.example.com", False),
        ("named.example.com:5000", True),
        ("192.0.2.1:5000", False),
    ],
)
def test_to_whom_the_engine_speaks_plain_http(name: str, plain: bool) -> None:
    """As `docker info` of an engine with two entries shows it."""
    info = {
        "RegistryConfig": {
            "IndexConfigs": {"named.example.com:5000": {"Secure": False}, "docker.io": {"Secure": True}},
            "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8", "10.0.0.0/8"],
        }
    }
    assert allowed(info, name) is plain


def test_the_engine_compares_the_addresses_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of the company's own, that this machine's resolver knows, and one that nobody knows."""
    known = {"registry.corp": [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 0))]}

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        if host in known:
            return known[host]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    info = {"RegistryConfig": {"InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8", "10.0.0.0/8"]}}
    assert allowed(info, "registry.corp:5000")
    assert not allowed(info, "registry.elsewhere:5000")


@pytest.mark.parametrize(
    ("said", "image", "faulty"),
    [
        ("registry github.com/distribution/distribution/v3 v3.1.2", "registry:2", False),
        ("registry github.com/distribution/distribution/v3 v3.1.0", "", False),
        ("registry github.com/distribution/distribution/v3 v3.0.0", "", True),
        ("registry github.com/distribution/distribution/v3 v3.0.0-rc.2", "", True),
        ("registry github.com/docker/distribution 2.8.3", "", True),
        ("", "registry:2.7.1", True),
        ("", "registry:3.1.2", False),
        ("", "registry:2", False),
        ("", "registry@sha256:abc", False),
    ],
)
def test_which_release_has_known_faults(said: str, image: str, faulty: bool) -> None:
    assert (outdated(said, image) is not None) is faulty


def test_a_forged_token_matters_to_candidates_only() -> None:
    assert "CVE-2025-24976" in str(outdated("v3.0.0-rc.2", ""))
    assert "CVE-2025-24976" not in str(outdated("v3.0.0", ""))


# --- what is typed


@pytest.mark.parametrize("context", [None, "production"])
@pytest.mark.parametrize("kubeconfig", [None, "/a b/kubeconfig"])
def test_every_command_is_one_that_can_be_typed(context: str | None, kubeconfig: str | None) -> None:
    group: Any = typer.main.get_command(app)
    for namespace, registry in (("storage", None), ("elsewhere", "registry.example.com")):
        files = Kubeconfig((Path("/nowhere"),))
        case = Case(files, context, namespace, registry, RegistryClient, NoEngine(), kubeconfig)
        chosen = RegistrySpec(namespace, "registry:3", None, None, 30501, "1Gi", "1")
        for typed in (
            case.deploy_registry(chosen),
            case.deploy_kind("other", 5001),
            case.dlr("clean-registry", delete_data=True),
            case.dlr("deploy-registry", storage_class="fast"),
            case.dlr("destroy-kind", name="other"),
            case.dlr("doctor"),
            case.dlr("delete-image", with_platforms=True) + " app",
            case.dlr("list-registry-images", sort="size"),
            case.dlr("logs"),
            case.dlr("port-forward", port=5001),
            case.dlr("registry-status", watch=True),
            case.dlr("test-registry", category="images"),
        ):
            _, command, *words = shlex.split(typed)
            group.commands[command].make_context(command, words)


def test_what_was_chosen_is_kept() -> None:
    case = patient().case
    assert case.deploy_registry(usual_spec()) == "dlr deploy-registry"
    chosen = replace(usual_spec(), memory="1Gi", node_port=30501)
    assert case.deploy_registry(chosen) == "dlr deploy-registry --node-port 30501 --memory 1Gi"


# --- how links are judged


def judged(*looks: Look | DlrError) -> tuple[dict[str, State], tuple[Finding, ...]]:
    """Judge links that hang each on the one before it, but for the last, which hangs on none."""
    names = [f"{number}" for number in range(len(looks))]

    def examine(look: Look | DlrError) -> Any:
        def run(_: Patient) -> Look:
            if isinstance(look, DlrError):
                raise look
            return look

        return run

    links = [
        Link(name, examine(look), (names[number - 1],) if 0 < number < len(looks) - 1 else ())
        for number, (name, look) in enumerate(zip(names, looks, strict=True))
    ]
    seen = [runner._seen(link, patient()) for link in links]
    examined, findings = runner.judge(links, seen)
    return {each.link: each.state for each in examined}, findings


BROKEN = sound("", Finding("seen", "means", "repair"))


def test_the_first_break_explains_the_later_ones() -> None:
    states, findings = judged(sound("fine"), BROKEN, not_applicable("no"), ClusterError("away"), BROKEN, BROKEN)
    assert list(states.values()) == ["sound", "broken", "not applicable", "follows", "follows", "broken"]
    assert [each.follows_from for each in findings] == [None, "1", None]


def test_what_is_independent_is_broken_all_the_same() -> None:
    alone = sound("", Finding("seen", "means", "repair", independent=True))
    states, findings = judged(BROKEN, alone, sound("fine"))
    assert list(states.values()) == ["broken", "broken", "sound"]
    assert [each.follows_from for each in findings] == [None, None]


def test_warnings_and_what_cannot_be_seen_break_nothing() -> None:
    warned = sound("", Finding("seen", "means", "repair", Severity.WARNING))
    states, _ = judged(warned, AccessDenied("no right"), sound("fine"), sound("fine"))
    assert list(states.values()) == ["warning", "unknown", "sound", "sound"]


def test_bad_input_is_no_finding() -> None:
    with pytest.raises(UsageError):
        judged(UsageError("no such context"), sound("fine"))


def test_a_fact_is_asked_once_and_its_error_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[NoEngine] = []

    def version(engine: NoEngine) -> str:
        asked.append(engine)
        raise EngineError("away")

    monkeypatch.setattr(Unused, "version", version)
    made = patient()
    for _ in range(2):
        with pytest.raises(EngineError):
            _ = made.engine_version
    assert asked == [made.case.engine]


def test_the_engine_is_asked_only_once_it_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that its library may be half loaded: two threads at it have ended in a traceback."""
    monkeypatch.setattr(Unused, "version", NoEngine.version)
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = patient(f"localhost:{server.getsockname()[1]}")
        with pytest.raises(EngineError):
            _ = made.engine
        assert address.host_port(made).findings == (), "whose port it is cannot be asked"
