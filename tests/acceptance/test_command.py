"""`dlr test-registry` as it is typed: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.acceptance.proxy import behind, instead, status
from tests.acceptance.test_registries import links, uploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.proxy import Reply
    from tests.registry.faults import Faulty, Request
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR", "VIRTUAL_ENV"}}
    return kept | {"HOME": str(tmp_path), "DOCKER_HOST": "unix:///nowhere", "COLUMNS": "80"}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ducklake_registry", "test-registry", *words]


def run(surroundings: dict[str, str], *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), env=surroundings | variables, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_sound_registry_is_accepted(newest: RunningRegistry, surroundings: dict[str, str]) -> None:
    done = run(surroundings, "--registry", newest.host, "--exclude", "performance")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ passed" in done.stdout
    assert "- skipped" in done.stdout
    assert "○ unsupported" in done.stdout
    assert "0 failed" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "Test localhost" in done.stderr


def test_a_broken_one_is_not(
    newest: RunningRegistry, proxy: Faulty, surroundings: dict[str, str], tmp_path: Path
) -> None:
    proxy.behaviour = behind(newest.host, instead("GET", "tags/list", status(500, b"\x00out of order")))
    file = tmp_path / "results.xml"

    done = run(
        surroundings,
        *("--registry", proxy.host, "--category", "tags", "--category", "health", "-o", "json"),
        *("--junit", str(file)),
    )

    assert done.returncode == 1
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["accepted"] is False
    assert found["counts"] == {"passed": 3, "failed": 3, "skipped": 4, "unsupported": 0}
    verdicts = {f"{each['category']}/{each['name']}": each["verdict"] for each in found["results"]}
    assert verdicts["tags/lists"] == "failed"
    root = ET.parse(file).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("10", "3", "4")
    failures = {
        case.get("name"): case[0].get("message") for case in root.iter("testcase") if case[0].tag == "failure"
    }
    assert set(failures) == {"lists", "pages", "unknown"}
    assert "answers 500" in str(failures["lists"])


def test_a_baseline_shows_the_change(
    newest: RunningRegistry, surroundings: dict[str, str], tmp_path: Path
) -> None:
    words = ("--registry", newest.host, "--category", "performance", "--exclude", "performance/*-16")
    file = tmp_path / "earlier.json"
    file.write_text(run(surroundings, *words, "-o", "json").stdout)

    again = run(surroundings, *words, "--baseline", str(file))
    strict = run(surroundings, *words, "--max-p95", "0.001ms", "--min-throughput", "1Ti")
    (other := json.loads(file.read_text()))["registry"] = "registry.example.com"
    other["environment"]["client"] = "Python 3.9.6 on Darwin 24.0.0 arm64"
    file.write_text(json.dumps(other))
    another = run(surroundings, *words, "--baseline", str(file))

    assert again.returncode == 0, again.stdout
    assert "since the baseline: p50 " in again.stdout
    assert "since the baseline: throughput " in again.stdout
    assert "the baseline is of" not in again.stdout
    assert f"the baseline is of registry.example.com, not {newest.host}; and of Python 3.9.6 on " in another.stdout
    assert strict.returncode == 1
    assert "6 failed" in strict.stdout


def test_verbose_tells_every_request(newest: RunningRegistry, surroundings: dict[str, str]) -> None:
    done = run(surroundings, "--registry", newest.host, "--category", "health", VERBOSE="1")

    assert "GET    200     " in done.stderr.replace("no answer", "")
    assert f"{newest.host}/v2/" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_test_leaves_nothing(
    newest: RunningRegistry, proxy: Faulty, surroundings: dict[str, str], number: int
) -> None:
    before = set(links(newest))
    proxy.behaviour = behind(newest.host)
    started = subprocess.Popen(
        command("--registry", proxy.host, "--category", "performance"),
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not set(links(newest)) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(links(newest)) - before
    started.send_signal(number)
    _, said = started.communicate(timeout=60)

    assert started.returncode in {130, 143}, said
    assert set(links(newest)) == before


def test_an_upload_that_is_interrupted_is_taken_back(
    newest: RunningRegistry, proxy: Faulty, surroundings: dict[str, str]
) -> None:
    sending, before = threading.Event(), uploads(newest)

    def never_ends(request: Request, go_on: Callable[[], Reply]) -> Reply:
        if request.method == "PATCH":
            sending.set()
            time.sleep(60)
        return go_on()

    proxy.behaviour = behind(newest.host, never_ends)
    words = ("--registry", proxy.host, "--category", "performance", "--exclude", "performance/*-*")
    started = subprocess.Popen(command(*words), env=surroundings, stderr=subprocess.PIPE, text=True)
    assert sending.wait(60)
    assert len(uploads(newest)) > len(before)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)

    assert started.returncode == 130, said
    assert uploads(newest) == before


def test_what_cannot_be_written_is_told_before_the_test(surroundings: dict[str, str], tmp_path: Path) -> None:
    for option in ("--report", "--junit"):
        done = run(surroundings, "--registry", "localhost:1", option, str(tmp_path / "no" / "folder" / "file"))
        assert done.returncode == 2
        assert "error: cannot write " in done.stderr
        assert done.stdout == ""
    done = run(surroundings, "--registry", "localhost:1", "--report", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")


def test_a_report_is_whole_or_as_it_was(
    newest: RunningRegistry, proxy: Faulty, surroundings: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text("the last one")
    asked = threading.Event()

    def slow(request: Request, go_on: Callable[[], Reply]) -> Reply:
        asked.set()
        time.sleep(0.5)
        return go_on()

    proxy.behaviour = behind(newest.host, slow)
    words = ("--registry", proxy.host, "--category", "health", "--report", str(file))
    started = subprocess.Popen(command(*words), env=surroundings, stderr=subprocess.PIPE, text=True)
    assert asked.wait(60)
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=60)
    assert started.returncode == 130
    assert file.read_text() == "the last one"

    assert run(surroundings, *words).returncode == 0
    assert "passes" in file.read_text()
    assert [each.name for each in tmp_path.iterdir() if "report" in each.name] == ["report.html"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--exclude", "tag"), "there is no check 'tag'"),
        (("--category", "health", "--exclude", "health"), "no check is left"),
        (("--category", "wellness"), "wellness"),
        (("--baseline", "/nowhere.json"), "cannot read /nowhere.json"),
        (("--baseline", "/etc/hostname"), "no result of an earlier test"),
        (("--max-p95", "quick"), "quick"),
    ],
)
def test_what_cannot_be_meant_is_refused(surroundings: dict[str, str], words: tuple[str, ...], said: str) -> None:
    done = run(surroundings, *words)

    assert done.returncode == 2
    assert said in done.stderr
