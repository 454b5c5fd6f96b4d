"""`Authorizer`: what to put into `Authorization`, learnt from the registry's own challenges.

Sources: RFC 9110, section 11; "Token Authentication Specification" and "OAuth2 Token Authentication" of
distribution.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from ducklake_registry.errors import InvalidAnswer, Unauthorized
from ducklake_registry.reference import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.registry.challenge import Challenge
    from ducklake_registry.registry.credentials import Credentials
    from ducklake_registry.registry.endpoint import Endpoint

_CLIENT_ID = "dlr"
# The specification's default and least; a token is renewed a little before its end.
_TOKEN_SECONDS = 60.0
_LONGEST_SECONDS = 10 * 365 * 86_400.0
_EARLY_SECONDS = 5.0


class FetchToken(Protocol):
    """Asks a token server: GET, or POST where there is a form; returns its JSON object."""

    def __call__(self, url: str, *, authorization: str | None, form: dict[str, str] | None) -> dict[str, Any]:
        """Raise Unauthorized where the token server refuses."""


@dataclass(frozen=True, slots=True)
class _TokenServer:
    realm: str
    service: str


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    expires: float


class Authorizer:
    """Remembers for one registry how it wants to be asked, and a token for each scope.

    Credentials are looked up at the first challenge, so that an open registry never runs a credential helper.
    """

    def __init__(self, endpoint: Endpoint, find: Callable[[], Credentials | None], fetch: FetchToken) -> None:
        self._endpoint = endpoint
        self._find = find
        self._fetch = fetch
        self._credentials: Credentials | None = None
        self._looked_up = False
        self._scheme = ""
        self._basic: str | None = None
        self._server: _TokenServer | None = None
        self._tokens: dict[tuple[_TokenServer, str], _Token] = {}
        self._lock = threading.Lock()
        self._scope_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @property
    def credentials(self) -> Credentials | None:
        """What a registry gets that asks who is there; None for one that has not asked."""
        return self._known_credentials() if self._scheme else None

    @property
    def scheme(self) -> str:
        """The scheme that the registry has asked for so far, or ""."""
        return self._scheme

    def header(self, scope: str) -> str | None:
        """Return what is known to be wanted for a scope, before the registry has to ask."""
        if self._server:
            return self._token(self._server, scope, stale=None)
        return self._basic

    def answer(self, challenges: list[Challenge], scope: str, refused: str | None) -> str | None:
        """Answer a 401 whose request carried the header `refused`; None if there is nothing new to offer.

        Raises Unauthorized where the token server refuses, InvalidAnswer where it cannot be understood.
        """
        self._scheme = challenges[0].scheme if challenges else ""
        for challenge in challenges:
            if challenge.scheme == "bearer" and challenge.realm:
                return self._answer_bearer(challenge, scope, refused)
        credentials = self._known_credentials()
        if credentials and credentials.username and any(c.scheme == "basic" for c in challenges):
            self._basic = credentials.basic
            return None if refused == self._basic else self._basic
        return None

    def _answer_bearer(self, challenge: Challenge, scope: str, refused: str | None) -> str | None:
        server = _TokenServer(challenge.realm, challenge.parameters.get("service", ""))
        self._check_realm(server.realm)
        self._server = server
        header = self._token(server, scope, stale=refused, wanted=challenge.parameters.get("scope", ""))
        return None if header == refused else header

    def _token(self, server: _TokenServer, scope: str, *, stale: str | None, wanted: str = "") -> str | None:
        """Return a token's header from the cache, or get a new one; one thread asks, the others wait."""
        with self._lock:
            scope_lock = self._scope_locks[scope]
        with scope_lock:
            token = self._tokens.get((server, scope))
            if token is None or token.header == stale or token.expires < time.monotonic():
                token = self._request_token(server, _union(scope, wanted))
                self._tokens[server, scope] = token
        return token.header

    def _request_token(self, server: _TokenServer, scope: str) -> _Token:
        credentials = self._known_credentials()
        if credentials and credentials.registry_token:
            return _Token(f"Bearer {credentials.registry_token}", float("inf"))
        query = {"service": server.service, "client_id": _CLIENT_ID}
        if credentials and credentials.identity_token:
            form = query | {
                "grant_type": "refresh_token",
                "scope": scope,
                "refresh_token": credentials.identity_token,
            }
            return _read_token(self._fetch(server.realm, authorization=None, form=form))
        # Each scope is a parameter of its own.
        pairs = [*query.items(), *(("scope", one) for one in scope.split())]
        separator = "&" if urlsplit(server.realm).query else "?"
        return _read_token(
            self._fetch(
                f"{server.realm}{separator}{urlencode(pairs)}",
                authorization=credentials.basic if credentials and credentials.username else None,
                form=None,
            )
        )

    def _known_credentials(self) -> Credentials | None:
        with self._lock:
            if not self._looked_up:
                self._credentials = self._find()
                self._looked_up = True
            return self._credentials

    def _check_realm(self, realm: str) -> None:
        """Let nothing send a password in the clear that the registry itself would get over TLS."""
        try:
            url = urlsplit(realm)
        except ValueError as error:
            name = self._endpoint.name
            raise InvalidAnswer(f"{name} asks for a token from {realm[:200]!r}, which is no URL") from error
        if url.scheme == "https" or (
            url.scheme == "http" and (self._endpoint.scheme == "http" or is_loopback(url.hostname or ""))
        ):
            return
        raise Unauthorized(
            f"{self._endpoint.name} asks for a token from {realm!r}, which is not HTTPS",
            "credentials are not sent there; tell the registry's operator",
        )


def _union(scope: str, wanted: str) -> str:
    """Join what we shall need and what the registry wants for this one request, which mostly is a part of it."""
    missing = [one for one in wanted.split() if not any(_covers(ours, one) for ours in scope.split())]
    return " ".join([scope, *missing]).strip()


def _covers(scope: str, wanted: str) -> bool:
    (ours, _, our_actions), (theirs, _, their_actions) = scope.rpartition(":"), wanted.rpartition(":")
    return ours == theirs and set(their_actions.split(",")) <= set(our_actions.split(","))


def _read_token(answer: dict[str, Any]) -> _Token:
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not (token.isascii() and token.isprintable()):
        raise InvalidAnswer("the token server's answer has no token in it that can be sent")
    seconds = answer.get("expires_in")
    if not (isinstance(seconds, int | float) and _TOKEN_SECONDS < seconds < _LONGEST_SECONDS):
        seconds = _TOKEN_SECONDS
    return _Token(f"Bearer {token}", time.monotonic() + seconds - _EARLY_SECONDS)
