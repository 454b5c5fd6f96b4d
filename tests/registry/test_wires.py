"""Many requests at once: in order, over TLS, with every kind of authorization, and past every fault."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.errors import RegistryUnreachable
from ducklake_registry.reference import Repository
from ducklake_registry.registry import Credentials, RegistryClient, Retry, list_images, list_tags, tls_context
from tests.registry import programs
from tests.registry.images import push_image

if TYPE_CHECKING:
    from tests.registry.faults import Faulty, Request
    from tests.registry.programs import RunningRegistry

NAMES = [Repository(f"app{number:03}") for number in range(300)]


def answer(request: Request) -> None:
    request.json({"tags": [request.path.split("/")[2]]})


def tags(server: Faulty, **options: float) -> list[tuple[str, list[str]]]:
    with RegistryClient(server.host, auth=None, timeout=options.get("timeout", 20.0)) as client:
        return [(each.repository, list(each.tags)) for each in list_tags(client, NAMES)]


EXPECTED = [(str(name), [str(name)]) for name in NAMES]


def test_answers_come_in_order_though_some_are_slow(server: Faulty) -> None:
    def behave(request: Request) -> None:
        if "app00" in request.path:
            time.sleep(0.05)
        answer(request)

    server.behaviour = behave

    assert tags(server) == EXPECTED


def test_chunks_are_put_together(server: Faulty) -> None:
    def behave(request: Request) -> None:
        name = request.path.split("/")[2]
        request.head(200, **{"Transfer-Encoding": "chunked"})
        for piece in (b'{"tags"', b": [", f'"{name}"'.encode(), b"]}"):
            request.send(b"%x;extension=1\r\n%s\r\n" % (len(piece), piece))
            if name == "app007":
                time.sleep(0.02)
        request.send(b"0\r\n\r\n")

    server.behaviour = behave

    assert tags(server) == EXPECTED


@pytest.mark.parametrize("fault", ["cut", "busy", "redirect", "garbage", "close", "half"])
def test_faults_that_pass_are_passed_over(server: Faulty, fault: str) -> None:
    met: set[str] = set()

    def behave(request: Request) -> None:
        name = request.path.split("/")[2]
        if not name.endswith("3") or name in met:
            answer(request)
            return
        met.add(name)
        match fault:
            case "cut":
                request.cut()
            case "busy":
                request.error(429, "TOOMANYREQUESTS", **{"Retry-After": "0"})
            case "redirect":
                request.reply(307, Location=f"/v2/{name}/tags/list")
            case "garbage":
                request.send(b"no HTTP at all\r\n\r\n")
                request.end()
            case "close":
                request.reply(200, f'{{"tags": ["{name}"]}}'.encode(), Connection="close")
                request.end()
            case "half":
                request.head(200, **{"Content-Length": "100"})
                request.send(b'{"tags"')
                request.cut()

    server.behaviour = behave

    assert tags(server) == EXPECTED


def test_a_wait_that_the_registry_asks_for_holds(server: Faulty) -> None:
    times: dict[str, list[float]] = {}

    def behave(request: Request) -> None:
        name = request.path.split("/")[2]
        asked = times.setdefault(name, [])
        asked.append(time.monotonic())
        if len(asked) == 1:
            request.error(429, "TOOMANYREQUESTS", Retry_After="1")
        else:
            answer(request)

    server.behaviour = behave
    start = time.monotonic()

    with RegistryClient(server.host, auth=None) as client:
        found = list(list_tags(client, NAMES[:48]))

    assert [list(each.tags) for each in found] == [tags for _, tags in EXPECTED[:48]]
    assert [len(asked) for asked in times.values()] == [2] * 48
    assert min(second - first for first, second in times.values()) > 0.95
    # They wait beside each other, though there are more of them than threads that could.
    assert time.monotonic() - start < 4


def test_the_first_answer_counts_as_a_try(server: Faulty) -> None:
    server.behaviour = lambda request: (
        request.error(503, "UNAVAILABLE") if "005" in request.path else answer(request)
    )

    with RegistryClient(server.host, auth=None, retry=Retry(first_pause=0.01)) as client:
        found = list(list_tags(client, NAMES))

    assert "(tried 5 times)" in found[5].problem
    assert len([request for request in server.requests if "005" in request.path]) == 5


def test_what_stays_broken_is_told_in_its_place(server: Faulty) -> None:
    def behave(request: Request) -> None:
        if "app005" in request.path:
            request.error(404, "NAME_UNKNOWN")
        elif "app006" in request.path:
            request.error(403, "DENIED")
        else:
            answer(request)

    server.behaviour = behave
    with RegistryClient(server.host, auth=None) as client:
        found = list(list_tags(client, NAMES))

    assert list(found[5].tags) == []
    assert found[5].problem == ""
    assert "denies access" in found[6].problem
    assert len(found) == len(NAMES)


def test_a_server_that_falls_silent_is_given_up(server: Faulty) -> None:
    def behave(request: Request) -> None:
        if "app005" in request.path:
            time.sleep(3)
        answer(request)

    server.behaviour = behave

    with pytest.raises(RegistryUnreachable):
        tags(server, timeout=0.5)


@pytest.mark.parametrize("answered", [0, 8], ids=["at once", "after it took some requests"])
def test_a_host_that_vanishes_is_not_waited_for_once_per_request(answered: int) -> None:
    # Nobody accepts these connections: once their queue is full, there is no answer, as from a host that is gone.
    with socket.create_server(("127.0.0.1", 0), backlog=max(answered - 1, 0)) as listener, ExitStack() as stack:
        address = listener.getsockname()
        if not answered:
            stack.enter_context(socket.create_connection(address))
        client = stack.enter_context(RegistryClient(f"127.0.0.1:{address[1]}", auth=None, timeout=0.5))
        start = time.monotonic()

        with pytest.raises(RegistryUnreachable, match="in time"):
            list(list_tags(client, NAMES))

        assert time.monotonic() - start < 5


def test_credentials_are_learnt_on_the_way(with_password: RunningRegistry, repository: str) -> None:
    who = Credentials(programs.USER, programs.PASSWORD)
    check_list(with_password, repository, auth=who)


def test_a_token_is_fetched_for_each_repository(with_tokens: RunningRegistry, repository: str) -> None:
    check_list(with_tokens, repository, auth=Credentials(programs.USER, programs.PASSWORD))


def test_over_tls(with_tls: RunningRegistry, repository: str) -> None:
    check_list(with_tls, repository, verify=tls_context(ca_file=with_tls.ca_file))


def check_list(registry: RunningRegistry, repository: str, **options: object) -> None:
    names = [Repository(f"{repository}/{number}") for number in range(20)]
    with registry.client(**options) as client:
        manifests = [push_image(client, name, "v1", name) for name in names]
    with registry.client(**options) as client:
        images = list(list_images(client, list_tags(client, names)))

    assert [image.digest for image in images] == [manifest.digest for manifest in manifests]
    assert all(image.details and not image.problem for image in images)
