"""The engine's client against an engine with faults. The real one is for the tests with the mark `engine`."""

from __future__ import annotations

import gc
import io
import json
import re
import tarfile
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.engine import Engine
from ducklake_registry.errors import EngineError, TimeoutExpired
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.unit.fake_api import Answer, FakeApi, fake_api

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

API = "/v1.47"
NODE: dict[str, object] = {
    "Id": "abc",
    "Name": "/x-control-plane",
    "State": {"Status": "running"},
    "Config": {"Labels": {"io.x-k8s.kind.cluster": "x", "io.x-k8s.kind.role": "control-plane"}},
    "HostConfig": {"PortBindings": {"30500/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5000"}], "6443/tcp": None}},
}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeApi]:
    with fake_api() as api:
        monkeypatch.setenv("DOCKER_HOST", api.address.replace("http://", "tcp://"))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        version = Answer(body={"Version": "28.2.2", "ApiVersion": "1.47"})
        api.answers |= {"/version": version, f"{API}/version": version}
        yield api


@pytest.fixture
def engine(api: FakeApi) -> Engine:
    return Engine(timeout=5)


def serve(api: FakeApi, *containers: Mapping[str, object]) -> None:
    """Let the engine have these containers, under their names and ids."""
    listed = [{"Id": each["Id"]} for each in containers]
    api.answers[f"{API}/containers/json"] = Answer(body=listed)
    for each in containers:
        for name in (each["Id"], str(each["Name"]).strip("/")):
            api.answers[f"{API}/containers/{name}/json"] = Answer(body=each)


def test_the_version(engine: Engine) -> None:
    assert engine.version() == "28.2.2"


def test_nothing_is_asked_before_it_is_needed(api: FakeApi, engine: Engine) -> None:
    assert api.requests == []


def test_nodes_and_their_ports(api: FakeApi, engine: Engine) -> None:
    worker = NODE | {"Id": "def", "Name": "/x-worker", "State": {"Status": "exited"}, "HostConfig": {}}
    worker["Config"] = {"Labels": {"io.x-k8s.kind.role": "worker"}}
    serve(api, worker, NODE)
    first, second = engine.nodes("x")
    assert (first.name, first.role, first.running, dict(first.ports)) == (
        *("x-control-plane", "control-plane", True),
        {30500: 5000},
    )
    assert (second.name, second.running, dict(second.ports)) == ("x-worker", False, {})
    asked = next(each for each in api.requests if each.path.endswith("/containers/json"))
    assert json.loads(asked.query["filters"]) == {"label": ["io.x-k8s.kind.cluster=x"]}


def test_who_publishes_a_port(api: FakeApi, engine: Engine) -> None:
    serve(api, NODE)
    assert engine.holder_of(5000) == "x-control-plane"
    assert engine.holder_of(5001) is None


def test_an_image_that_is_not_there(engine: Engine) -> None:
    assert engine.image_id("registry:none") is None


def test_removing_what_is_gone_is_fine(engine: Engine) -> None:
    engine.remove_container("x-worker")


@pytest.mark.parametrize("status", [400, 409, 500])
def test_a_refusal_has_the_engines_words(status: int, api: FakeApi, engine: Engine) -> None:
    api.answers[f"{API}/containers/json"] = Answer(status, {"message": "no space left on device"})
    with pytest.raises(EngineError, match="the Docker Engine refused: no space left on device"):
        engine.nodes("x")


def test_a_container_that_goes_away_meanwhile(engine: Engine) -> None:
    for action in (
        lambda: engine.start_container("x-worker"),
        lambda: engine.run_in("x-worker", ["true"]),
        lambda: engine.write_files("x-worker", {"/a": "b"}),
    ):
        with pytest.raises(EngineError, match="x-worker"):
            action()
    assert engine.has_files("x-worker", {"/a": "b"}) is False


@pytest.mark.parametrize(
    "body", ["<html>", "[]", "3", '{"Version": 3}'], ids=["no json", "a list", "a number", "another"]
)
def test_an_answer_that_is_not_the_engines(body: str, api: FakeApi, engine: Engine) -> None:
    api.answers |= {"/version": Answer(body=body), f"{API}/version": Answer(body=body)}
    with pytest.raises(EngineError):
        engine.version()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("unix:///nowhere/docker.sock", "nothing listens on its socket"),
        ("tcp://127.0.0.1:1", "nothing listens on its socket"),
        ("tcp://no-such-host.invalid:2375", r"[^()\[\]]*[Nn]ame[^()\[\]]*"),
        ("carrier-pigeon://engine", ".*carrier-pigeon.*"),
    ],
)
def test_an_engine_that_is_not_there_in_plain_words(
    host: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Warnings are errors here: no socket is left open either."""
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(EngineError) as caught:
        Engine(timeout=5).version()
    assert re.fullmatch(f"the Docker Engine does not answer: {said}", caught.value.message)
    del caught
    gc.collect()


# --- pulling


def pull_events(*events: dict[str, object]) -> Answer:
    return Answer(body="".join(f"{json.dumps(each)}\r\n" for each in events), streamed=True)


def test_pulling_reports_and_ends(api: FakeApi, engine: Engine) -> None:
    seen: list[str] = []
    events = pull_events({"status": "Pulling fs layer"}, {"status": "Downloading", "progress": "[=> ] 1MB"})
    api.answers[f"POST {API}/images/create"] = events
    engine.pull("registry:3", Deadline(5), seen.append)
    assert seen == ["Pulling fs layer", "Downloading [=> ] 1MB"]
    assert api.requests[-1].query["tag"] == "3"


def test_an_error_within_the_stream_is_one(api: FakeApi, engine: Engine) -> None:
    events = pull_events({"status": "Pulling"}, {"error": "toomanyrequests", "errorDetail": {"message": "x"}})
    api.answers[f"POST {API}/images/create"] = events
    with pytest.raises(EngineError, match="cannot pull registry:3: toomanyrequests"):
        engine.pull("registry:3", Deadline(5), silent)


def test_a_stream_that_breaks_off_is_an_error_of_the_engine(api: FakeApi, engine: Engine) -> None:
    api.answers[f"POST {API}/images/create"] = Answer(body=json.dumps({"status": "Pulling"}), cut=True)
    with pytest.raises(EngineError, match="the Docker Engine does not answer"):
        engine.pull("registry:3", Deadline(5), silent)


@pytest.mark.parametrize("status", [404, 500])
def test_an_image_that_cannot_be_had(status: int, api: FakeApi, engine: Engine) -> None:
    said = "manifest for registry:none not found: manifest unknown"
    api.answers[f"POST {API}/images/create"] = Answer(status, {"message": said})
    with pytest.raises(EngineError, match="manifest unknown"):
        engine.pull("registry:none", Deadline(5), silent)


def test_a_pull_that_takes_too_long(api: FakeApi, engine: Engine) -> None:
    api.answers[f"POST {API}/images/create"] = Answer(body="", delay=1)
    with pytest.raises(TimeoutExpired, match=r"registry:3 could not be pulled within 0\.2s"):
        engine.pull("registry:3", Deadline(0.2), silent)


# --- files


def archive(path: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(path)
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def test_only_files_that_differ_are_written(api: FakeApi, engine: Engine) -> None:
    serve(api, NODE)
    api.answers[f"PUT {API}/containers/abc/archive"] = Answer(body="")
    files = {"/etc/certs.d/a/hosts.toml": "ä", "/etc/certs.d/b/hosts.toml": "new"}
    assert engine.write_files("x-control-plane", files) is True
    sent = api.requests[-1]
    assert sent.query["path"] == "/"
    with tarfile.open(fileobj=io.BytesIO(sent.body)) as tar:
        found = {each.name: tar.extractfile(each) for each in tar.getmembers()}
        assert {name: file.read().decode() for name, file in found.items() if file} == {
            path.lstrip("/"): text for path, text in files.items()
        }
