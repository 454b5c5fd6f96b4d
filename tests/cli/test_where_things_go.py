"""A new command, a new check and a new backend, added to a copy of the project as docs/architecture.md says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
import yaml

from ducklake_registry.registry import RegistryClient
from tests.acceptance.proxy import behind, on
from tests.registry import programs
from tests.registry.faults import faulty_server
from tests.registry.images import push_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.proxy import Reply
    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/ducklake_registry"


class Copy:
    """A copy of the project, to be changed as docs/architecture.md says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = ""
        for name in ("src", "manifests", "kind", "scripts"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)

    def following(self, heading: str) -> Self:
        """Go by this part of the page."""
        page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
        [self.text] = re.findall(rf"^### {heading}\n(.*?)^###", page, re.MULTILINE | re.DOTALL)
        return self

    def write(self, path: str, content: str) -> None:
        """Write a new module, in a folder that the text names."""
        assert f"`{path.partition('/')[0]}/" in self.text
        (self.folder / PACKAGE / path).write_text(content)

    def change(self, path: str, *changes: tuple[str, str]) -> None:
        """Put something before what is there once, in a module that the text names."""
        assert path in self.text
        file = self.folder / PACKAGE / path
        source = file.read_text()
        for place, new in changes:
            assert source.count(place) == 1, place
            source = source.replace(place, new + place)
        file.write_text(source)

    def python(self, *words: str, code: int = 0) -> str:
        """Run Python with the copy's own package."""
        environ = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "src"),
            "COLUMNS": "100",
            "KUBECONFIG": "/nowhere",
        }
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def dlr(self, *words: str, code: int = 0) -> str:
        return self.python("-m", "ducklake_registry", *words, code=code)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("project") / "copy")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RunningRegistry]:
    if programs.find_program("3.1") is None:
        pytest.skip("no program of distribution 3.1 here")
    with programs.running("3.1", tmp_path) as registry:
        yield registry


REPORT = '''"""Whether a registry answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ducklake_registry.registry import RegistryClient


@dataclass(frozen=True, slots=True)
class Answers:
    """A registry that answers, and after how many seconds."""

    url: str
    seconds: float


def look(client: RegistryClient) -> Answers:
    """Ask a registry; raises RegistryError."""
    ping = client.ping()
    return Answers(ping.url, ping.seconds)
'''
PICTURE = '''"""That a registry answers, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ducklake_registry.reports.ping import Answers


def ping_line(found: Answers) -> str:
    """Return it in one line."""
    return f"{found.url} answers"
'''
COMMAND = '''"""The command that asks whether a registry answers."""

from __future__ import annotations

from ducklake_registry.cli import options
from ducklake_registry.cli.connection import Connection
from ducklake_registry.display.output import OutputFormat


def ping(connection: Connection, output: options.Output = OutputFormat.TABLE) -> None:
    """Ask whether the registry answers.

    Example: dlr ping
    """
    from ducklake_registry.display.output import emit
    from ducklake_registry.display.ping import ping_line
    from ducklake_registry.reports.ping import look

    with connection.client() as client:
        emit(look(client), output, ping_line)
'''


def test_a_new_command(copy: Copy, registry: RunningRegistry) -> None:
    copy.following("A new command")
    copy.write("reports/ping.py", REPORT)
    copy.write("display/ping.py", PICTURE)
    copy.write("cli/ping.py", COMMAND)
    copy.change(
        "cli/commands.py",
        ('        "deploy-registry": "registry",\n', '        "ping": "ping",\n'),
    )
    (copy.folder / "docs").mkdir()

    copy.python("scripts/docs.py")

    assert "ping" in copy.dlr("--help")
    assert copy.dlr("ping", "--registry", registry.host) == f"http://{registry.host} answers\n"
    assert json.loads(copy.dlr("ping", "--registry", registry.host, "-o", "json")).keys() == {"url", "seconds"}
    copy.dlr("ping", "--registry", "localhost:1", "--timeout", "1s", code=4)
    assert "## `dlr ping`" in (copy.folder / "docs/cli.md").read_text()


CHECK = '''def in_order(context: Context) -> Evidence:
    """The catalog is in order. Source: "Listing Repositories" of distribution's HTTP API V2."""
    _must_have_one(context)
    listed = context.client.ask("GET", "/v2/_catalog", scope="registry:catalog:*").texts("repositories")
    expect(list(listed) == sorted(listed), f"the catalog begins with {listed[:3]}")
    return Evidence(f"{len(listed)} repositories in order")


'''


def test_a_new_check(copy: Copy, registry: RunningRegistry) -> None:
    copy.following("A new check")
    line = '    Check(Category.CATALOG, "in-order", in_order),\n'
    copy.change(
        "acceptance/catalog.py",
        ("NotSupported\nfrom", "expect, "),
        ("CHECKS = (\n", CHECK),
        ('    Check(Category.CATALOG, "pages"', line),
    )
    with registry.client() as client:
        for name in ("a", "b"):
            push_image(client, name, "v1")

    words = ("test-registry", "--category=catalog", "-o", "json")

    assert verdict(copy.dlr(*words, "--registry", registry.host)) == "passed"
    with faulty_server() as proxy:
        proxy.behaviour = behind(registry.host, on("GET", "/v2/_catalog", backwards))
        assert verdict(copy.dlr(*words, "--registry", proxy.host, code=1)) == "failed"


def verdict(said: str) -> str:
    [found] = [each for each in json.loads(said)["results"] if "in-order" in str(each)]
    return str(found["verdict"])


def backwards(reply: Reply) -> Reply:
    return reply.with_json(lambda document: document | {"repositories": document["repositories"][::-1]})


PATCH = '''def with_storage_driver(objects: list[Object], driver: str) -> list[Object]:
    """Keep blobs by another driver of distribution's, one without parameters."""
    import yaml

    config = yaml.safe_load(find(objects, "ConfigMap", "registry-config")["data"]["config.yml"])
    del config["storage"]["filesystem"]
    config["storage"][driver] = {}
    return _changed(objects, "ConfigMap", "registry-config", ("data",), {"config.yml": yaml.safe_dump(config)})


'''


OPTION = (
    'StorageDriver = Annotated[str | None, typer.Option(envvar="DLR_STORAGE_DRIVER", help="Where blobs are.")]\n'
)
SHOW = """
import sys
from ducklake_registry.manifests import RegistrySpec, find, patched, registry_objects
objects = patched(registry_objects(), RegistrySpec(storage_driver="inmemory"))
sys.stdout.write(find(objects, "ConfigMap", "registry-config")["data"]["config.yml"])
"""


def test_a_new_backend(copy: Copy, tmp_path: Path) -> None:
    copy.following("A new backend")
    copy.change(
        "manifests/patches.py",
        ("def find(objects", PATCH),
        ("    cpu: str | None = None\n", "    storage_driver: str | None = None\n"),
        ("        (with_cpu, spec.cpu),\n", "        (with_storage_driver, spec.storage_driver),\n"),
    )
    copy.change("cli/options.py", ("ConfigFile = Annotated[", OPTION))
    parameter = "    storage_driver: options.StorageDriver = None,\n"
    copy.change(
        "cli/registry.py",
        ("    cpu: options.Cpu = None,\n", parameter),
        (
            ")\n    terminal, deadline = Terminal(verbose=verbose, quiet=quiet), Deadline(timeout)\n    cluster",
            ", storage_driver",
        ),
    )

    assert "--storage-driver" in copy.dlr("deploy-registry", "--help")
    with running_with(copy.python("-c", SHOW), tmp_path) as host, RegistryClient(host, auth=None) as client:
        manifest = push_image(client, "app", "v1")
        assert client.manifest("app", "v1") == manifest
        assert client.small_blob("app", manifest.config)
    assert not list(tmp_path.rglob("docker/registry/v2")), "it keeps nothing in files"


def test_the_layers_hold_with_all_three(copy: Copy) -> None:
    """Those that the tests before have written."""
    lint = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    assert "0 broken" in copy.python("-c", lint)


@contextmanager
def running_with(config: str, folder: Path) -> Iterator[str]:
    """Run the registry program with a configuration of ours, on a free port."""
    if programs.find_program("3.1") is None:
        pytest.skip("no program of distribution 3.1 here")
    ready = programs.configured("3.1", folder)
    settings = yaml.safe_load(config)
    settings["http"] = {"addr": f"127.0.0.1:{ready.port}"}
    ready.file.write_text(yaml.safe_dump(settings))
    process = ready.start()
    try:
        yield ready.registry.host
    finally:
        process.terminate()
        process.wait(10)
