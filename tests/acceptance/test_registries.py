"""Sound registries pass, what they lack is unsupported, and nothing stays behind."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.acceptance import runner
from ducklake_registry.acceptance.baseline import Baseline
from ducklake_registry.acceptance.check import Category, Check, CheckFailed, Evidence
from ducklake_registry.acceptance.checks import CHECKS
from ducklake_registry.acceptance.context import IMAGES, Context, Limits, working_with
from ducklake_registry.acceptance.performance import _BLOB
from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.registry import Credentials, tls_context
from ducklake_registry.step import silent
from ducklake_registry.waiting import Deadline
from tests.acceptance.conftest import made, with_verdict
from tests.acceptance.proxy import Reply, status
from tests.registry import certificates, programs
from tests.registry.programs import PASSWORD, USER, RunningRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ducklake_registry.acceptance.results import Acceptance
    from ducklake_registry.acceptance.runner import Surroundings
    from tests.acceptance.conftest import Try
    from tests.registry.faults import Faulty, Request
    from tests.registry.token_server import TokenServer

pytestmark = pytest.mark.registry

LACKS = {"3.1": {"images/referrers"}, "2.8": {"images/referrers", "tags/pages", "tags/deletes"}}
LIKE = {
    "3.1": "like distribution 3 (tags in pages, no list of referrers)",
    "2.8": "like distribution 2 (no tags in pages, no delete of a tag)",
}
NEED_CLUSTER_OR_ENGINE = {
    *("storage/claim", "storage/mount", "storage/content", "storage/use", "storage/restart"),
    *("images/engine", "images/pod"),
}
LOGINS = {"health/login-asked", "health/login-refused", "health/login-accepted"}


def links(registry: RunningRegistry) -> list[str]:
    """What the registry has filed under the test's repositories: tags, manifests and blobs."""
    # Not by `rglob`, which does not bear that a registry at work removes folders.
    return _files(registry, "link")


def uploads(registry: RunningRegistry) -> list[str]:
    """The uploads that the registry holds open. One that was taken back leaves an empty folder of hashes."""
    return _files(registry, "startedat")


def _files(registry: RunningRegistry, name: str) -> list[str]:
    folders = os.walk(registry.storage)
    return [f"{folder}/{name}" for folder, _, files in folders if name in files and "dlr-acceptance" in folder]


class TestSound:
    def test_registries_pass(self, plain: RunningRegistry, nowhere: Surroundings) -> None:
        with plain.client() as client:
            found = made(client, nowhere)

        assert with_verdict(found, Verdict.FAILED) == set()
        assert with_verdict(found, Verdict.UNSUPPORTED) == LACKS[plain.release]
        assert with_verdict(found, Verdict.SKIPPED) == NEED_CLUSTER_OR_ENGINE | LOGINS | {"health/tls"}
        assert found.accepted
        assert found.left_behind == ()
        assert links(plain) == []
        # 2.8 does not let go of one that has failed; after a week it does so by itself.
        assert uploads(plain) == [] or plain.release == "2.8"
        assert found.environment.software == LIKE[plain.release]

    def test_registries_pass_again(self, plain: RunningRegistry, attempt: Try) -> None:
        names = ("catalog/lists", "tags/moves", "images/image", "performance/push")

        assert attempt(plain, names).accepted
        with plain.client() as client:
            repositories = list(client.catalog())
        assert attempt(plain, names).accepted
        with plain.client() as client:
            assert list(client.catalog()) == repositories

    def test_registries_with_a_password_pass(self, with_password: RunningRegistry, nowhere: Surroundings) -> None:
        # Each of its answers takes the time that a password's hash takes.
        chosen = runner.select(CHECKS, (), ["performance"])
        with with_password.client(auth=Credentials(USER, PASSWORD)) as client:
            found = made(client, nowhere, chosen)

        assert with_verdict(found, Verdict.FAILED) == set()
        assert with_verdict(found, Verdict.PASSED) >= LOGINS
        assert links(with_password) == []

    @pytest.mark.parametrize("actions", [None, frozenset(), frozenset({"pull"})], ids=["refused", "none", "pull"])
    def test_registries_with_tokens_pass(
        self,
        with_tokens: RunningRegistry,
        tokens: TokenServer,
        nowhere: Surroundings,
        actions: frozenset[str] | None,
    ) -> None:
        """Whatever their token server gives to those without a name."""
        chosen = [each for each in CHECKS if each.path in {"health/api", "images/image", *LOGINS}]
        tokens.anonymous_actions = actions
        try:
            with with_tokens.client(auth=Credentials(USER, PASSWORD)) as client:
                found = made(client, nowhere, chosen)
            with with_tokens.client() as client:
                nobody = made(client, nowhere, [each for each in chosen if each.category is Category.HEALTH])
        finally:
            tokens.anonymous_actions = frozenset()

        assert with_verdict(found, Verdict.PASSED) == {"health/api", "images/image", *LOGINS}
        assert with_verdict(nobody, Verdict.PASSED) == {"health/api"} | LOGINS - {"health/login-accepted"}
        assert links(with_tokens) == []

    def test_registries_with_tls_show_until_when_it_holds(
        self, release: str, tmp_path: Path, nowhere: Surroundings
    ) -> None:
        chosen = [each for each in CHECKS if each.path == "health/tls"]
        by = certificates.authority(tmp_path)
        pair = certificates.signed(tmp_path, by, "server", "DNS:localhost,IP:127.0.0.1")
        tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
        with programs.running(release, tmp_path, tls=tls, ca_file=by.certificate) as registry:
            trust = tls_context(ca_file=by.certificate)
            with registry.client(verify=trust) as client:
                result = made(client, nowhere, chosen)
            assert result.results[0].verdict is Verdict.PASSED
            assert "(1 days), TLSv1.3" in result.results[0].evidence
            with registry.client() as client:
                result = made(client, nowhere, chosen)
            assert result.results[0].verdict is Verdict.FAILED
            assert "is not trusted" in result.results[0].evidence
            with registry.client(verify=False) as client:
                result = made(client, nowhere, chosen)
            assert result.results[0].verdict is Verdict.SKIPPED

    def test_one_that_lists_referrers_itself_is_known_by_that(
        self, olareg: RunningRegistry, nowhere: Surroundings
    ) -> None:
        wanted = {
            "images/image",
            "images/index",
            "images/mount",
            "images/range",
            "images/referrers",
            "images/delete",
        }
        wanted |= {"tags/lists", "tags/pages", "tags/moves", "tags/deletes", "health/api"}
        with olareg.client() as client:
            found = made(client, nowhere, [each for each in CHECKS if each.path in wanted])
            repositories = ("images", "mounted", "tags")
            left = [tag for name in repositories for tag in client.tags(f"dlr-acceptance/{name}")]

        assert with_verdict(found, Verdict.PASSED) == wanted
        assert found.environment.software == "as the OCI specification 1.1 has it (it lists referrers)"
        assert (found.left_behind, left) == ((), [])


class TestNothingStays:
    @pytest.mark.parametrize("error", [CheckFailed("broken"), KeyboardInterrupt(), SystemExit(143), ValueError()])
    def test_however_a_check_ends(
        self, plain: RunningRegistry, nowhere: Surroundings, error: BaseException
    ) -> None:
        filed: list[str] = []

        def break_off(context: Context) -> Evidence:
            context.push_new(IMAGES, "half done", context.tag("half"))
            filed.extend(links(plain))
            raise error

        with plain.client() as client, working_with(client, Deadline(60), Limits(), disruptive=False) as context:
            check = Check(Category.IMAGES, "half", break_off)
            if isinstance(error, CheckFailed):
                assert not runner.accept([check], context, nowhere, Baseline(), silent).accepted
            else:
                with pytest.raises(type(error)):
                    runner.accept([check], context, nowhere, Baseline(), silent)

        assert len(filed) > 3
        assert links(plain) == []

    def test_but_what_may_not_be_deleted_is_told(self, release: str, tmp_path: Path, attempt: Try) -> None:
        with programs.running(release, tmp_path, delete=False) as registry:
            found = attempt(registry, ("images/image", "images/delete"))

        assert [each.verdict for each in found.results] == [Verdict.PASSED, Verdict.SKIPPED]
        assert "deleting is disabled" in found.results[1].evidence
        assert any("deleting is disabled" in each for each in found.left_behind)

    def test_when_the_registry_hiccups_while_it_is_cleaned(self, plain: RunningRegistry, attempt: Try) -> None:
        turn = iter(range(1000))

        def every_other_fails(request: Request, go_on: Callable[[], Reply]) -> Reply:
            fails = request.method == "DELETE" and next(turn) % 2 == 0
            return status(503) if fails else go_on()

        found = attempt(plain, ("images/image",), every_other_fails)

        assert found.accepted
        assert found.left_behind == ()
        assert links(plain) == []


class TestTwoAtOnce:
    def test_pass(self, plain: RunningRegistry, nowhere: Surroundings) -> None:
        """They have the same repositories, so that these do not become ever more."""

        def run(_: int) -> Acceptance:
            with plain.client() as client:
                return made(client, nowhere, chosen)

        chosen = runner.select(CHECKS, (), ["performance/*-*"])
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(run, range(2)))

        for found in both:
            assert with_verdict(found, Verdict.FAILED) == set(), found
            assert with_verdict(found, Verdict.UNSUPPORTED) == LACKS[plain.release]
            assert found.left_behind == ()
        assert links(plain) == []

    def test_may_end_while_the_other_measures(self, newest: RunningRegistry, attempt: Try) -> None:
        """What both use is removed by the first one to end, at the worst moment for the other."""
        turns = iter(range(100))

        def other_run_ends(request: Request, go_on: Callable[[], Reply]) -> Reply:
            if request.method == "GET" and "/performance/blobs/sha256" in request.path and next(turns) < 2:
                with newest.client() as other:
                    other.delete_blob("dlr-acceptance/performance", request.path.rpartition("/")[2])
            return go_on()

        found = attempt(newest, ("performance/push", "performance/pull"), other_run_ends)

        assert [each.verdict for each in found.results] == [Verdict.PASSED] * 2, found.results
        assert next(turns) == 3

    def test_leave_each_other_what_they_use(self, newest: RunningRegistry, proxy: Faulty, attempt: Try) -> None:
        """A blob that another run has put there is sent once more, and not removed before."""
        with newest.client() as other:
            other.send_blob("dlr-acceptance/performance", _BLOB, _BLOB.digest())

        assert attempt(newest, ("performance/push",)).accepted
        methods = [each.method for each in proxy.requests]
        assert "PATCH" in methods
        assert methods.index("DELETE") > max(n for n, method in enumerate(methods) if method == "PUT")
