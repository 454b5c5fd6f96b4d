"""The complete environment: `examples/ducklake` deployed with one command, used, broken, changed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.reference import Repository, Tag
from ducklake_registry.registry import RegistryClient
from tests.e2e.conftest import Environment, eventually, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.cluster

EXAMPLE = Path(__file__).parents[2] / "examples" / "ducklake"
IMAGE = "ducklake-backend"
STORES = ("postgres:17", "versity/versitygw:v1.8.0")
REPLICAS = 3


@dataclass(frozen=True)
class Lake:
    """The example, in a checkout of its own, on the tests' environment."""

    environment: Environment
    folder: Path

    def dlr(self, *words: str) -> str:
        """Run `dlr` in the example's folder and return what it told."""
        done = self.environment.run_dlr(*words, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def commit(self) -> None:
        """Commit all there is, as a person who works on the example does."""
        who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
        run("git", "-C", str(self.folder), "add", "--all")
        run("git", "-C", str(self.folder), *who, "commit", "--quiet", "--message", "A change")

    def kubectl(self, *words: str) -> str:
        return self.environment.kubectl("--namespace", "ducklake", *words)

    def ask(self, path: str, *, body: object = None) -> Any:
        """Ask the backend's service from a node, as pods do, whichever pod answers."""
        words = ["curl", "--silent", "--show-error", "--fail", "--max-time", "20"]
        words += ["--data", json.dumps(body)] if body is not None else []
        return json.loads(run("docker", "exec", self.environment.nodes()[0], *words, f"{self.address}{path}"))

    def answers(self, path: str, **wanted: object) -> bool:
        """Tell whether the backend answers, and so; the nodes' proxies know of new pods a moment later."""
        try:
            found = self.ask(path)
        except AssertionError:
            return False
        return all(found[name] == each for name, each in wanted.items())

    @property
    def address(self) -> str:
        """The address of the backend's service in the cluster."""
        found = self.kubectl("get", "service", IMAGE, "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}")
        return f"http://{found}"

    def backends(self) -> list[dict[str, Any]]:
        """Return the backend's pods that are not about to end."""
        found = json.loads(self.kubectl("get", "pods", "--selector", f"app={IMAGE}", "-o", "json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self) -> int:
        """Return how many of them are ready."""
        conditions = [each for pod in self.backends() for each in pod["status"]["conditions"]]
        return sum(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def running(self) -> set[str]:
        """Return the digests that their nodes say they run."""
        statuses = [pod["status"]["containerStatuses"][0] for pod in self.backends()]
        return {each["imageID"].rpartition("@")[2] for each in statuses}

    def pushed_digest(self) -> str:
        """Return the digest that the registry has under `latest`."""
        with RegistryClient(self.environment.registry, auth=None) as client:
            return client.head_manifest(Repository(IMAGE), Tag("latest")).digest


@pytest.fixture(scope="module")
def stores(engine: None) -> None:
    """Skip where the engine lacks what the stores run from; in CI that is a failure."""
    if missing := [image for image in STORES if image not in images()]:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse(f"the engine has no {' and no '.join(missing)}: bootstrap/up --tests sees to it")


@pytest.fixture(scope="module")
def lake(
    stores: None, make_environment: Callable[[], Environment], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lake]:
    """The example, deployed with one command: before it there is no cluster either."""
    environment = make_environment()
    folder = tmp_path_factory.mktemp("example") / "ducklake"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    run("git", "init", "--quiet", str(folder))
    lake = Lake(environment, folder)
    lake.commit()
    before = images()
    try:
        lake.dlr("deploy-kind")
        eventually(lambda: lake.answers("/version", version="1.0.0"))
        yield lake
    finally:
        environment.destroy()
        for made in images() - before:
            if IMAGE in made:
                run("docker", "rmi", made)


def test_the_pods_run_what_the_registry_has(lake: Lake) -> None:
    digest = lake.pushed_digest()
    reference = f"{lake.environment.registry}/{IMAGE}@{digest}"
    pods = lake.backends()
    assert len(pods) == lake.ready() == REPLICAS
    assert [pod["spec"]["containers"][0]["image"] for pod in pods] == [reference] * REPLICAS
    assert lake.running() == {digest}


def test_production_gets_all_but_the_laptops_secrets(lake: Lake) -> None:
    """What would be deployed there is asked of the same cluster, under another context's name."""
    context, registry = lake.environment.context, lake.environment.registry
    lake.environment.kubectl("config", "set-context", "production", f"--cluster={context}", f"--user={context}")
    lake.dlr("build-and-push", "--prod", "--prod-registry", registry, "--tag", "v1.0.0")
    words = ("--prod-context", "production", "--prod-registry", registry, "--tag", "v1.0.0", "--dry-run")
    shown = lake.environment.run_dlr("deploy-prod", *words, cwd=lake.folder)
    assert shown.returncode == 0, shown.stderr
    assert "keep    StatefulSet catalog\n" in shown.stdout
    assert "Secret" not in shown.stdout, "neither are they deployed, nor is one missing that is there"


def test_a_record_is_in_both_stores(lake: Lake) -> None:
    record = {"name": "mallard", "colour": "green"}
    written = lake.ask("/tables/ducks", body=record)
    assert lake.ask("/tables/ducks") == {"table": "ducks", "records": [record]}

    query = "SELECT path FROM data_file WHERE table_name = 'ducks'"
    path = lake.kubectl("exec", "catalog-0", "--", "psql", "-U", "ducklake", "-tAc", query).strip()
    assert path == written["path"]
    stored = lake.kubectl("exec", "object-store-0", "--", "cat", f"/data/lake/{path}")
    assert json.loads(stored) == record


def test_nothing_changes_when_it_is_deployed_again(lake: Lake) -> None:
    pods = {pod["metadata"]["name"] for pod in lake.backends()}
    told = lake.dlr("deploy-kind")
    assert re.search(r"^✓ Bring the workloads' images into the nodes: unchanged", told, re.MULTILINE), told
    assert re.search(r"^✓ Apply deploy/?: unchanged", told, re.MULTILINE), told
    assert {pod["metadata"]["name"] for pod in lake.backends()} == pods


def test_the_backend_waits_for_its_catalog(lake: Lake) -> None:
    """Without PostgreSQL no pod is ready, none is restarted, and with it all come back by themselves."""
    lake.ask("/tables/geese", body=[{"name": "greylag"}, {"name": "brent"}])
    lake.kubectl("scale", "statefulset/catalog", "--replicas=0")
    eventually(lambda: lake.ready() == 0)
    lake.kubectl("scale", "statefulset/catalog", "--replicas=1")
    eventually(lambda: lake.ready() == REPLICAS)
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in lake.backends()] == [0] * REPLICAS
    geese = [{"name": "greylag"}, {"name": "brent"}]
    eventually(lambda: lake.answers("/tables/geese", records=geese))


def test_a_change_of_the_code_rolls_out(lake: Lake) -> None:
    before = lake.pushed_digest()
    code = lake.folder / "ducklake_backend" / "__init__.py"
    code.write_text(code.read_text().replace('"1.0.0"', '"1.1.0"'))
    lake.commit()
    with asking_all_the_while(lake) as versions:
        lake.dlr("build-and-push")
    after = lake.pushed_digest()

    assert after != before
    assert lake.running() == {after}
    eventually(lambda: all(lake.answers("/version", version="1.1.0") for _ in range(10)))
    assert set(versions) == {"1.0.0", "1.1.0"}, "every request was answered, by the old code or by the new"
    lake.ask("/tables/swans", body={"name": "mute"})
    assert {each["name"] for each in lake.ask("/tables")["tables"]} >= {"swans"}


@contextlib.contextmanager
def asking_all_the_while(lake: Lake) -> Iterator[list[str]]:
    """Give a list that takes the versions that answer while the body runs; "" stands for a failure."""
    versions: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                versions.append(lake.ask("/version")["version"])
            except AssertionError:
                versions.append("")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield versions
    finally:
        ended.set()
        asking.join()


def images() -> set[str]:
    """Return the names of the engine's images."""
    return set(run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split())
