"""Each check fails when what is around the registry is broken: logins, certificates, the way of the engine."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.acceptance.baseline import Baseline
from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.context import Limits, working_with
from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.acceptance.runner import Surroundings, accept
from ducklake_registry.cluster.client import Cluster
from ducklake_registry.cluster.kubeconfig import Kubeconfig
from ducklake_registry.engine.client import Engine
from ducklake_registry.reference import Digest
from ducklake_registry.registry import Credentials, RegistryClient, tls_context
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.acceptance.broken import BROKEN, RUN, flipped
from tests.acceptance.proxy import Reply, behind, instead, on, status
from tests.engine.conftest import _engine_answers
from tests.registry import certificates, programs
from tests.registry.programs import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Try
    from tests.acceptance.proxy import Fault
    from tests.registry.certificates import KeyPair
    from tests.registry.faults import Faulty, Request
    from tests.registry.programs import RunningRegistry

__all__ = ["_engine_answers"]

pytestmark = pytest.mark.registry

REFUSED = status(401, www_authenticate='Basic realm="none"')


def lets_in_with_anything(request: Request, go_on: Callable[[], Reply]) -> Reply:
    return status(200) if "authorization" in request.headers else go_on()


LOGIN = Credentials(USER, PASSWORD)


LOGINS: list[tuple[str, Fault, str]] = [
    (
        "health/login-asked",
        on("GET", "/v2/$", lambda r: r.but(www_authenticate=None)),
        "without a way to log in",
    ),
    ("health/login-refused", lets_in_with_anything, "answers 200, not 401"),
    ("health/login-accepted", instead("GET", "/v2/$", REFUSED), "answers 401, not 200"),
]


@pytest.mark.parametrize(("check", "fault", "words"), LOGINS, ids=[check for check, _, _ in LOGINS])
def test_logins_that_go_wrong(
    with_password: RunningRegistry, attempt: Try, check: str, fault: Fault, words: str
) -> None:
    (result,) = attempt(with_password, (check,), fault, auth=LOGIN).results

    assert result.verdict is Verdict.FAILED, result
    assert words in result.evidence


def expired(folder: Path, by: KeyPair) -> KeyPair:
    return certificates.dated(folder, by, "server", "20200101000000Z", "20200201000000Z")


def of_another(folder: Path, by: KeyPair) -> KeyPair:
    return certificates.signed(folder, by, "server", "DNS:elsewhere.test")


CERTIFICATES: list[tuple[str, Callable[[Path, KeyPair], KeyPair], str, str]] = [
    ("health/tls", expired, "certificate has expired", "have it renewed"),
    ("health/tls", of_another, "not valid for 'localhost'", "a name that the certificate has"),
]


@pytest.mark.parametrize(("check", "make", "words", "hint"), CERTIFICATES, ids=["expired", "another's"])
def test_certificates_that_do_not_hold(
    tmp_path: Path,
    nowhere: Surroundings,
    check: str,
    make: Callable[[Path, KeyPair], KeyPair],
    words: str,
    hint: str,
) -> None:
    """All checks are made, as a person would; those after it must not hide what is wrong."""
    by = certificates.authority(tmp_path)
    pair = make(tmp_path, by)
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    with programs.running("3.1", tmp_path, tls=tls, ca_file=by.certificate) as registry:
        client = registry.client(verify=tls_context(ca_file=by.certificate))
        with working_with(client, Deadline(60), Limits(), disruptive=False) as context:
            found = accept(CHECKS, context, nowhere, Baseline(), silent)

    verdicts = {f"{each.category}/{each.name}": each for each in found.results}
    assert verdicts[check].verdict is Verdict.FAILED
    assert words in verdicts[check].evidence
    assert hint in (verdicts[check].hint or "")
    assert [each for each in found.results if each.verdict is Verdict.PASSED] == []


def takes_and_forgets(request: Request, go_on: Callable[[], Reply]) -> Reply:
    if request.method == "PUT" and request.path.endswith(f"/manifests/{RUN}-from-engine"):
        return status(201, docker_content_digest=Digest.of(request.body))
    return go_on()


ENGINES: list[tuple[str, Fault, str]] = [
    ("images/engine", on("GET", "/blobs/", flipped), "cannot pull .*(verification failed|digest)"),
    ("images/engine", instead("PUT", f"/manifests/{RUN}-from-engine$", BROKEN), "cannot push"),
    ("images/engine", takes_and_forgets, "not found: "),
]


@pytest.fixture
def docker(_engine_answers: None) -> Iterator[Engine]:
    with closing(Engine()) as engine:
        yield engine


@pytest.mark.engine
@pytest.mark.parametrize(("check", "fault", "words"), ENGINES, ids=["changed", "refused", "lost"])
def test_what_the_engine_cannot_do(
    newest: RunningRegistry,
    proxy: Faulty,
    docker: Engine,
    check: str,
    fault: Fault,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ducklake_registry.acceptance.context.secrets.token_hex", lambda _: RUN)
    proxy.behaviour = behind(newest.host, fault)
    chosen = [each for each in CHECKS if each.path == check]
    around = Surroundings(Cluster(None, Kubeconfig.parse("/nowhere")), "storage", docker)
    with working_with(RegistryClient(proxy.host), Deadline(60), Limits(), disruptive=False) as context:
        found = accept(chosen, context, around, Baseline(), silent)

    assert found.results[0].verdict is Verdict.FAILED, found.results[0]
    assert re.search(words, found.results[0].evidence), found.results[0].evidence
    assert found.left_behind == ()
    assert docker.tags_of(f"{proxy.host}/dlr-acceptance/images") == []


BROKEN_CHECKS = {check for check, *_ in (*LOGINS, *CERTIFICATES, *ENGINES)}
