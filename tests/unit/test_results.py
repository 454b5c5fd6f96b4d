"""What commands have found and done, for people and for machines."""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import yaml

from ducklake_registry.cluster.apply import Change
from ducklake_registry.display import terminal as terminal_module
from ducklake_registry.display.changes import changes
from ducklake_registry.display.next_steps import after_deploy_kind
from ducklake_registry.display.output import OutputFormat, emit, plain, write_json_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    size: int
    when: datetime
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    rows: tuple[Row, ...]
    counts: dict[str, int]
    took: float
    form: OutputFormat = OutputFormat.JSON


RESULT = Result(
    (
        Row("ä", 10_737_418_240, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        Row("b", 0, datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=timezone(timedelta(hours=2))), "sha256:ab"),
    ),
    {"tags": 2},
    0.25,
)
PLAIN = {
    "rows": [
        {"name": "ä", "size": 10737418240, "when": "2026-01-02T03:04:05Z", "digest": None},
        {"name": "b", "size": 0, "when": "2026-01-02T03:04:05.600000+02:00", "digest": "sha256:ab"},
    ],
    "counts": {"tags": 2},
    "took": 0.25,
    "form": "json",
}


def test_a_result_is_plain_data_to_machines() -> None:
    assert plain(RESULT) == PLAIN


def test_plain_data_stays() -> None:
    values: list[object] = [None, True, 3, 0.5, "x", [], {}, [1, {"a": None}]]
    for value in values:
        assert plain(value) == value


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    emit(RESULT, OutputFormat.JSON, lambda _result: pytest.fail("no picture is wanted"))
    out, err = capsys.readouterr()
    assert json.loads(out) == PLAIN
    assert err == ""
    assert "ä" in out
    assert out.endswith("}\n")


def test_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    emit(RESULT, OutputFormat.YAML, lambda _result: pytest.fail("no picture is wanted"))
    out = capsys.readouterr().out
    assert yaml.safe_load(out) == PLAIN
    assert out.startswith("rows:"), "in the fields' order"
    assert "!!" not in out


def test_a_line_is_seen_before_the_next_one_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    seen = b""

    def values() -> Iterator[int]:
        nonlocal seen
        yield from (1, 2, 3)
        while seen.count(b"\n") < 3 and select.select([read], [], [], 5)[0]:
            seen += os.read(read, 100)

    with os.fdopen(read, "rb"), os.fdopen(write, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        write_json_lines(values())

    assert seen == b"1\n2\n3\n"


def test_a_reader_that_has_gone_ends_the_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    given: list[int] = []

    def values() -> Iterator[int]:
        for number in range(20):
            given.append(number)
            yield number
            time.sleep(0.1)

    stdout = os.fdopen(write, "w")
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(BrokenPipeError):
        write_json_lines(values())
    with contextlib.suppress(BrokenPipeError):
        stdout.close()

    assert len(given) < 10


def test_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    terminal_module.stdout.cache_clear()
    emit(RESULT, OutputFormat.TABLE, lambda result: f"{len(result.rows)} rows")
    assert capsys.readouterr().out == "2 rows\n"
    terminal_module.stdout.cache_clear()


def test_changes_are_shown_object_by_object() -> None:
    found = [
        Change("Namespace", "storage", "unchanged"),
        Change("ConfigMap", "registry-config", "created"),
        Change("Deployment", "docker-registry", "configured", ("--- a", "+++ b", "@@ -1 +1 @@", "-x", "+y")),
    ]
    assert changes(found).plain.splitlines() == [
        "keep    Namespace storage",
        "create  ConfigMap registry-config",
        "change  Deployment docker-registry",
        "    --- a",
        "    +++ b",
        "    @@ -1 +1 @@",
        "    -x",
        "    +y",
    ]


@pytest.mark.parametrize(
    ("address", "context", "is_default", "shown", "hidden"),
    [
        ("localhost:5000", "kind-ducklake-cluster", True, ["dlr destroy-kind\n"], ["--registry", "--name"]),
        (
            "localhost:5050",
            "kind-team",
            False,
            ["dlr destroy-kind --name team\n", "dlr registry-status --context kind-team\n"],
            [],
        ),
    ],
)
def test_what_to_type_next_can_be_typed(
    address: str, context: str, is_default: bool, shown: list[str], hidden: list[str]
) -> None:
    from rich.console import Console

    console = Console(width=80)
    with console.capture() as capture:
        console.print(after_deploy_kind(address, context, [], is_default=is_default))
    lines = "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
    assert f"docker push {address}/" in lines
    assert all(each in lines for each in shown)
    assert not any(each in lines for each in hidden)


def test_what_to_type_next_where_the_project_builds_images() -> None:
    one = after_deploy_kind("localhost:5000", "kind-ducklake-cluster", ["app"], is_default=True).plain
    assert "dlr build-and-push\n" in one
    assert "docker push" not in one
    address = "localhost:5050"
    usual = after_deploy_kind(address, "kind-ducklake-cluster", ["app"], is_default=True, usual=address).plain
    assert "dlr build-and-push\n" in usual, "a port in dlr.toml is every command's"
    several = after_deploy_kind("localhost:5050", "kind-team", ["app", "job"], is_default=False).plain
    assert "dlr build-and-push --registry localhost:5050 --image app\n" in several
