"""Answers that no registry should give, to all that reads them: only DlrError may come out, and soon.

The answers of a real registry are recorded, then broken by `mutations` and sent over a socket, so that they meet
all that stands before the parsing too. Commands are run as they are typed, within this process.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import threading
import traceback
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import typer

from ducklake_registry.cli.main import app
from ducklake_registry.display.deletion import deletion
from ducklake_registry.errors import DlrError
from ducklake_registry.oci import Descriptor, Manifest
from ducklake_registry.reference import Reference
from ducklake_registry.registry import RegistryClient
from ducklake_registry.registry.retry import Retry
from ducklake_registry.step import silent
from ducklake_registry.workflows.delete_images import DeleteImages
from tests.registry import programs
from tests.registry.images import push_image, push_index
from tests.reliability.answering import answering
from tests.reliability.experiment import Outcome
from tests.reliability.mutations import broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.reliability.answering import Answering
    from tests.reliability.experiment import Plan
    from tests.reliability.world import Asked

_LIMIT = 20.0
"""Seconds after which a case has hung: it makes some ten requests with a limit of half a second each."""
_TIMEOUT = 0.5
_LEFT = "layout"
# What a terminal would obey, or cannot show.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LINES_OF_AN_ERROR = 2

COMMANDS = (
    ("list-registry-images", "--no-cache"),
    ("list-registry-images", "--no-cache", "--details", "--sort=created"),
    ("list-registry-images", "--no-cache", "-o", "json"),
    ("list-registry-images", "--no-cache", "-o", "yaml"),
    ("list-registry-images", "--no-cache", "-o", "jsonl"),
    ("list-registry-images", "--no-details"),
    ("list-registry-images", "--no-tags", "--sort=size", "--no-cache"),
    ("list-registry-images", "fuzz/app", "--no-cache"),
    ("inspect", "fuzz/app:v1"),
    ("inspect", "fuzz/app:v2"),
    ("inspect", "fuzz/app:v2", "-o", "json"),
    ("inspect", "fuzz/app:v1", "--platform=linux/arm64", "-o", "yaml"),
    ("inspect", "fuzz/app:v2", "--raw"),
    ("save", "fuzz/app:v2", "{folder}/saved"),
    ("save", "fuzz/app:v1", "{folder}/saved.tar"),
    ("save", "fuzz/app:v1", "{folder}/arm", "--platform=linux/arm64"),
    ("load", _LEFT, "fuzz/new:v1"),
)


def fuzz(plan: Plan) -> Outcome:
    """Send so many broken answers (some cases take more than one), and look at all that comes of them."""
    outcome = Outcome(plan.seed)
    with _prepared(plan.folder) as (server, operations):
        number = plan.first
        while outcome.tally["broken answers"] < plan.count:
            before = server.wrong
            _try(server, operations, Random(plan.seed_of(number)), outcome, f"case {plan.seed_of(number)}")
            number += 1
            outcome.tally["cases"] += 1
            outcome.tally["broken answers"] += server.wrong - before
            plan.progress(server.wrong - before)
    return outcome.ended()


@dataclass(frozen=True, slots=True)
class _Operation:
    """Something that asks a registry; `targets` is what it asked of one that is well."""

    name: str
    run: Callable[[], bool]
    targets: tuple[Asked, ...]


@contextmanager
def _prepared(folder: Path) -> Iterator[tuple[Answering, list[_Operation]]]:
    """Record what a real registry answers to each operation."""
    impatient = partial(Retry, attempts=2, first_pause=0.0, longest_pause=0.0)
    with ExitStack() as stack:
        registry = stack.enter_context(programs.running("3.1", folder))
        with registry.client() as client:
            push_index(client, "fuzz/app", "v1")
            image = push_image(client, "fuzz/app", "v2", "two")
            push_image(client, "fuzz/app", None, "signature", subject=image.descriptor.to_json())
            push_image(client, "fuzz/other", "latest", "other")
        server = stack.enter_context(answering())
        stack.enter_context(patch("ducklake_registry.registry.client.Retry", impatient))
        (folder / "home").mkdir()
        stack.enter_context(patch.dict("os.environ", _surroundings(folder, server.host), clear=True))
        run = partial(_command, folder / "case")
        _prepare_layout(folder, registry.host)
        works = {" ".join(words): partial(run, words, folder) for words in COMMANDS}
        works |= {f"client: {name}": partial(_verb, work, server.host) for name, work in _VERBS.items()}
        yield server, [_recorded(server, registry.host, *work) for work in works.items()]


def _surroundings(folder: Path, host: str) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "DLR_REGISTRY": f"http://{host}",
        "DLR_TIMEOUT": f"{_TIMEOUT}s",
        "DLR_CACHE_DIR": str(folder / "cache"),
        "DOCKER_AUTH_CONFIG": json.dumps({"auths": {host: {"auth": "YTpi"}}}),
    }


def _prepare_layout(folder: Path, registry: str) -> None:
    words = ["save", "fuzz/app:v2", str(folder / _LEFT), f"--registry=http://{registry}", "--quiet"]
    with redirect_stdout(io.StringIO()):
        _dlr()(words, standalone_mode=False)


@cache
def _dlr() -> Any:
    """Return what typer makes of all commands, which takes longer than most of them."""
    return typer.main.get_command(app)


def _recorded(server: Answering, registry: str, name: str, work: Callable[[], bool]) -> _Operation:
    server.asked.clear()
    server.upstream = registry
    work()
    server.upstream = None
    return _Operation(name, work, tuple(dict.fromkeys(server.asked)))


def _try(server: Answering, operations: list[_Operation], random: Random, outcome: Outcome, case: str) -> None:
    """Run one operation against broken answers, and note how it ends."""
    operation = random.choice(operations)
    server.broken = broken(server.world, operation.targets, random)
    ends: list[str] = []
    thread = threading.Thread(target=lambda: ends.append(_end_of(operation)), daemon=True)
    thread.start()
    thread.join(_LIMIT)
    end = ends[0] if ends else f"hangs:\n{_where(thread)}"
    if end in _GOOD_ENDS:
        outcome.tally[end] += 1
    else:
        outcome.failures.append(f"{case}: {operation.name}: {end}")


_GOOD_ENDS = frozenset({"success", "clear error"})


def _end_of(operation: _Operation) -> str:
    try:
        ended_well = operation.run()
    except DlrError:
        return "clear error"
    except BaseException:  # noqa: BLE001 - that is what is looked for
        return traceback.format_exc()
    return "success" if ended_well else "clear error"


def _where(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "it ended just now"


def _command(files: Path, words: tuple[str, ...], folder: Path) -> bool:
    """Run a command and tell whether it ended well.

    What it shows must be what a terminal can show, and its error one line with at most a hint.
    """
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir()
    given = [str(folder / word) if word == _LEFT else word.format(folder=files) for word in words]
    code, shown, said = _typed(given)
    errors = [number for number, line in enumerate(said) if line.startswith("error: ")]
    # A list goes on past what it cannot read, and names it.
    needed = bool(code) and not (code == 1 and words[0] == "list-registry-images")
    assert len(errors) in {needed, bool(code)}, (code, said)
    assert not errors or len(said) - errors[0] <= _LINES_OF_AN_ERROR, said
    if "--raw" not in words:
        assert not (found := _CONTROLS.search("\n".join([*shown, *said]))), (found, shown, said)
    return not code


def _typed(words: list[str]) -> tuple[int | None, list[str], list[str]]:
    """Run a command and return its exit code and the lines of both its streams, as strict as they are."""
    stdout = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="strict")
    stderr = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = _dlr()(words, standalone_mode=False)
    lines = []
    for stream in (stdout, stderr):
        stream.flush()
        lines.append(stream.buffer.getvalue().decode().split("\n"))
    return code, lines[0], [line for line in lines[1] if line]


def _delete(client: RegistryClient) -> None:
    workflow = DeleteImages(client, [Reference.parse("fuzz/app:v2", default_registry=client.endpoint.name)])
    doomed = workflow.find(silent)
    deletion(doomed, [])
    for step in workflow.steps(doomed):
        step.run(silent)


def _read_layers(client: RegistryClient) -> None:
    found = client.manifest("fuzz/app", "v2")
    for blob in found.blobs if isinstance(found, Manifest) else ():
        with client.blob("fuzz/app", blob) as reader:
            for _ in reader:
                pass


def _upload(client: RegistryClient) -> None:
    content = b"some bytes" * 100
    client.upload_blob("fuzz/new", content, mount_from="fuzz/other")
    client.upload_blob("fuzz/new", content[1:], chunk=300)
    manifest = Manifest.of(Descriptor.of(content, "text/plain"), [])
    client.put_manifest("fuzz/new", "up", manifest)


_VERBS: dict[str, Callable[[RegistryClient], object]] = {
    "ping": RegistryClient.ping,
    "catalog": lambda client: list(client.catalog()),
    "tags": lambda client: client.tags("fuzz/app"),
    "head": lambda client: client.head_manifest("fuzz/app", "v1"),
    "layers": _read_layers,
    "referrers": lambda client: client.referrers("fuzz/app", client.head_manifest("fuzz/app", "v2").digest),
    "upload": _upload,
    "delete": _delete,
}


def _verb(work: Callable[[RegistryClient], object], host: str) -> bool:
    with RegistryClient(f"http://{host}", timeout=_TIMEOUT) as client:
        work(client)
    return True
