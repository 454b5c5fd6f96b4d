"""Bad input and broken surroundings: one line, a hint, the documented exit code, never a traceback."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Dlr

DONE, USAGE, CLUSTER, REGISTRY, ENGINE = 0, 2, 3, 4, 5

ON_A_CLUSTER = [["deploy-registry"], ["clean-registry", "--yes"], ["deploy-registry", "--dry-run"]]
ON_THE_ENGINE = [["deploy-kind"], ["destroy-kind", "--yes"]]


def assert_told(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """See that there is one error, with these words in it or its hint, and that it is the last thing said."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    errors = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    tail = lines[errors[0] :]
    assert all(line.startswith(("error: ", "hint: ", "  ")) for line in tail), done.stderr
    assert not [part for part in parts if part not in "\n".join(tail)], done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["deploy-kind", "--timeout", "5x"], ["'--timeout'", "'5x' is no duration"]),
        (["deploy-kind", "--timeout", "0"], ["'--timeout'", "no duration above 0"]),
        (["deploy-kind", "--timeout", "99999999999999"], ["100 years"]),
        (["deploy-kind", "--host-port", "0"], ["'--host-port'"]),
        (["deploy-kind", "--host-port", "65536"], ["'--host-port'"]),
        (["deploy-kind", "--host-port", "http"], ["'--host-port'"]),
        (["deploy-kind", "--workers", "-1"], ["'--workers'"]),
        (["deploy-kind", "--name", "My Cluster"], ["'--name'"]),
        (["deploy-kind", "--name", ""], ["'--name'"]),
        (["deploy-kind", "--name", "x" * 60], ["'--name'"]),
        (["deploy-kind", "--namespace", "under_score"], ["'--namespace'"]),
        (["destroy-kind", "--name", "../x"], ["'--name'"]),
        (["deploy-registry", "--namespace", "-x"], ["'--namespace'"]),
        (["deploy-registry", "--storage-size", "10GB"], ["'--storage-size'", "is no quantity"]),
        (["deploy-registry", "--memory", "lots"], ["'--memory'", "is no quantity"]),
        (["deploy-registry", "--cpu", ""], ["'--cpu'", "is no quantity"]),
        (["deploy-registry", "--node-port", "70000"], ["'--node-port'"]),
        (["status", "--output", "xml"], ["'--output'", "json"]),
        (["logs", "--since", "yesterday"], ["'--since'", "is no duration"]),
        (["inspect", "app", "--platform", "linux"], ["'--platform'", "is no platform"]),
        (["pull-from-registry", "app", "--platform", "linux"], ["'--platform'", "is no platform"]),
        (["save", "app", "app.tar", "--platform", "linux"], ["'--platform'", "is no platform"]),
        (["deploy-kind", "--config"], ["'--config' requires an argument"]),
        (["deploy-kind", "--host-prt", "1"], ["--host-port"]),
        (["deploy-kind", "more"], ["unexpected extra argument"]),
        (["deploy-knd"], ["'deploy-knd'", "'deploy-kind'"]),
        (["--nope"], ["--nope"]),
    ],
)
def test_bad_input(words: list[str], parts: list[str], dlr_here: Dlr) -> None:
    done = dlr_here(*words)
    assert_told(done, USAGE, *parts)
    assert done.stdout == ""


def test_bad_input_in_the_environment_names_the_variable(dlr_here: Dlr) -> None:
    assert_told(dlr_here("deploy-kind", DLR_TIMEOUT="soon"), USAGE, "DLR_TIMEOUT", "'soon'")


@pytest.mark.parametrize("words", ON_THE_ENGINE)
@pytest.mark.parametrize(
    "host", ["unix:///nowhere", "tcp://127.0.0.1:1", "http://no-such-host.invalid:1", "nonsense", "ssh://"]
)
def test_no_engine(words: list[str], host: str, dlr: Dlr) -> None:
    assert_told(dlr(*words, DOCKER_HOST=host), ENGINE, "Docker Engine", "hint: ")


def test_an_engine_that_is_something_else(dlr: Dlr, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = (
            "import socket, sys\ns = socket.socket(fileno=int(sys.argv[1]))\n"
            "while True:\n    c = s.accept()[0]; c.recv(9999); c.sendall(b'SSH-2.0-x\\r\\n'); c.close()\n"
        )
        argv = [sys.executable, "-c", script, str(server.fileno())]
        with subprocess.Popen(argv, pass_fds=[server.fileno()]) as other:
            try:
                done = dlr("deploy-kind", DOCKER_HOST=f"tcp://127.0.0.1:{server.getsockname()[1]}")
            finally:
                other.kill()
    assert_told(done, ENGINE, "Docker Engine")


def test_streams_that_are_closed() -> None:
    typed = f"{shlex.quote(sys.executable)} -m ducklake_registry inspect localhost:1/app --timeout 1s"
    assert subprocess.run(["sh", "-c", f"{typed} <&- >&- 2>&-"], check=False).returncode == REGISTRY


def test_a_docker_configuration_that_is_none(dlr: Dlr, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text("{")
    done = dlr("deploy-kind", DOCKER_CONFIG=str(tmp_path / "docker"))
    assert_told(done, ENGINE)


@pytest.mark.parametrize("words", ON_A_CLUSTER)
def test_no_kubeconfig(words: list[str], dlr_here: Dlr) -> None:
    assert_told(dlr_here(*words, KUBECONFIG="/nowhere/config"), CLUSTER, "/nowhere/config", "dlr deploy-kind")


@pytest.mark.parametrize("content", ["- 1", "a: [", "contexts: [1]", "\x00\x01"])
def test_a_malformed_kubeconfig(content: str, dlr_here: Dlr, tmp_path: Path) -> None:
    (path := tmp_path / "config").write_text(content)
    assert_told(
        dlr_here("deploy-registry", KUBECONFIG=str(path)), CLUSTER, f"{path} is no kubeconfig", "--kubeconfig"
    )


def test_a_kubeconfig_that_is_a_folder(dlr_here: Dlr, tmp_path: Path) -> None:
    assert_told(dlr_here("deploy-registry", "--kubeconfig", str(tmp_path)), CLUSTER, "Is a directory")


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """Return a kubeconfig whose cluster does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (path := tmp_path / "config").write_text(
        json.dumps(
            {
                "clusters": [{"name": "one", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
                "users": [{"name": "one", "user": {"token": "secret-token"}}],
                "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
                "current-context": "one",
            }
        )
    )
    return path


@pytest.mark.parametrize("words", ON_A_CLUSTER)
def test_an_unknown_context(words: list[str], dlr_here: Dlr, kubeconfig: Path) -> None:
    done = dlr_here(*words, "--context", "other", KUBECONFIG=str(kubeconfig))
    assert_told(done, USAGE, "'other'", "hint: choose one with --context: one")


@pytest.mark.parametrize("words", ON_A_CLUSTER)
def test_a_cluster_that_does_not_answer(words: list[str], dlr: Dlr, kubeconfig: Path) -> None:
    done = dlr(*words, KUBECONFIG=str(kubeconfig))
    assert_told(done, CLUSTER, "context one does not answer: Connection refused", "hint: ")
    assert "secret-token" not in done.stderr


def test_a_folder_that_is_gone(surroundings: dict[str, str], folder: Path) -> None:
    script = (
        f"cd {folder} && rmdir {folder} && exec {sys.executable} -P -m ducklake_registry deploy-kind --dry-run"
    )
    done = subprocess.run(
        ["bash", "-c", script], env=surroundings, capture_output=True, text=True, timeout=60, check=False
    )
    assert_told(done, USAGE, "the current folder is gone")


def test_a_reader_that_goes_away(surroundings: dict[str, str], folder: Path) -> None:
    script = f"{sys.executable} -m ducklake_registry deploy-kind --dry-run | true"
    done = subprocess.run(
        ["bash", "-c", script],
        env=surroundings,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_at_once(
    number: signal.Signals, code: int, surroundings: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    """While it waits for an engine that takes the connection and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        host = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-m", "ducklake_registry", "deploy-kind"],
            env=surroundings | {"DOCKER_HOST": host},
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                started = time.monotonic()
                os.kill(process.pid, number)
                _, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 10
    assert process.returncode == code
    assert "Traceback" not in err


def test_a_dry_run_asks_nobody(dlr_here: Dlr) -> None:
    done = dlr_here("deploy-kind", "--dry-run", KUBECONFIG="/nowhere")
    assert (done.returncode, done.stderr) == (DONE, "")
    steps = done.stdout.splitlines()
    assert [line.partition(".")[0] for line in steps] == [str(number + 1) for number in range(len(steps))]
