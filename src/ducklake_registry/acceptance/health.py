"""Health: there is a registry, its connection can be trusted, and it knows whom to let in."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from ducklake_registry.acceptance import answers
from ducklake_registry.acceptance.check import Category, Check, CheckFailed, CheckSkipped, Evidence, expect
from ducklake_registry.errors import Unauthorized
from ducklake_registry.registry import Credentials

if TYPE_CHECKING:
    from ducklake_registry.acceptance.context import Context

_VERSION = "registry/2.0"


def api(context: Context) -> Evidence:
    """`/v2/` answers as the API does. Source: "API Version Check" of distribution's HTTP API V2."""
    answer = context.client.ask_as_stranger()
    if answer.status != HTTPStatus.UNAUTHORIZED:
        answers.status(answer, HTTPStatus.OK)
    said = answer.header("docker-distribution-api-version")
    expect(said == _VERSION, f"Docker-Distribution-Api-Version is {said or 'missing'}, not {_VERSION}")
    return Evidence(f"{answer.status} {said} at {answer.url}")


def tls(context: Context) -> Evidence:
    """The certificate is trusted and has not expired."""
    endpoint = context.client.endpoint
    if endpoint.scheme != "https":
        raise CheckSkipped(f"{endpoint.name} is asked over plain HTTP")
    shown = context.client.certificate()
    if shown is None:
        raise CheckSkipped("--insecure: nobody looks at the certificate")
    left = shown.expires - datetime.now(UTC)
    return Evidence(f"trusted until {shown.expires:%Y-%m-%d} ({left.days} days), {shown.protocol}")


def asks_for_login(context: Context) -> Evidence:
    """Who brings no login is told which one is wanted. Source: RFC 9110, section 11.6.1."""
    answer = context.client.ask_as_stranger()
    if answer.status == HTTPStatus.OK:
        if context.site and context.site.wants_login():
            raise CheckFailed("its configuration has authentication, but it lets anyone in")
        raise CheckSkipped("it lets anyone in: no authentication is configured")
    answers.status(answer, HTTPStatus.UNAUTHORIZED)
    challenge = answer.header("www-authenticate")
    scheme = challenge.partition(" ")[0].lower()
    expect(scheme in {"basic", "bearer"}, f"401 without a way to log in: WWW-Authenticate is {challenge!r}")
    return Evidence(f"401, {challenge}")


def refuses_wrong_login(context: Context) -> Evidence:
    """A login that is none is refused."""
    if context.client.ask_as_stranger().status == HTTPStatus.OK:
        raise CheckSkipped("it lets anyone in: no authentication is configured")
    wrong = Credentials(f"nobody-{context.run}", context.run)
    with context.client.another(auth=wrong) as client:
        try:
            answer = client.ask("GET", "/v2/")
        except Unauthorized as error:  # by the server that gives the tokens
            return Evidence(error.message)
    answers.status(answer, HTTPStatus.UNAUTHORIZED)
    return Evidence("401 for a user that there is not")


def accepts_login(context: Context) -> Evidence:
    """The login at hand is accepted."""
    if context.client.ask_as_stranger().status == HTTPStatus.OK:
        raise CheckSkipped("it lets anyone in: no authentication is configured")
    answers.status(context.client.ask("GET", "/v2/"), HTTPStatus.OK)
    if context.client.credentials is None:
        raise CheckSkipped("no login is at hand; its token server gives a token to anyone")
    return Evidence("200 with the login at hand")


CHECKS = (
    Check(Category.HEALTH, "tls", tls),  # first: without it there is no answer to anything
    Check(Category.HEALTH, "api", api),
    Check(Category.HEALTH, "login-asked", asks_for_login),
    Check(Category.HEALTH, "login-refused", refuses_wrong_login),
    Check(Category.HEALTH, "login-accepted", accepts_login),
)
