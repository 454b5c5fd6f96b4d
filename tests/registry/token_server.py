"""A token server: gives JWTs that a registry verifies, after distribution's "Token Authentication"."""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.registry.certificates import KeyPair, openssl
from tests.registry.programs import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

ISSUER, SERVICE = "tests", "the registry"
IDENTITY_TOKEN = "an identity token"


@dataclass(slots=True)
class TokenServer:
    """What was asked of it is kept in `requests`, as (user, scopes).

    Tokens last `seconds`, which it says too, unless it is to say something else (`stated`).
    Who has no name gets a token for the `anonymous_actions`, or none at all (None).
    """

    pair: KeyPair
    url: str = ""
    seconds: int = 300
    stated: int | None = None
    anonymous_actions: frozenset[str] | None = frozenset()
    requests: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def registry_auth(self) -> dict[str, Any]:
        """The part of a registry's configuration that makes it trust us."""
        return {
            "token": {
                "realm": f"{self.url}/token",
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(self.pair.certificate),
            }
        }

    def answer(self, user: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        self.requests.append((user, scopes))
        return {"token": self._sign(user, scopes), "expires_in": self.stated or self.seconds}

    def _sign(self, user: str, scopes: tuple[str, ...]) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "exp": now + self.seconds,
            "nbf": now - 10,
            "iat": now,
            "jti": str(len(self.requests)),
            "access": [self._access(user, scope) for scope in scopes if scope],
        }
        certificate = openssl("x509", "-in", self.pair.certificate, "-outform", "DER")
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(certificate).decode()]}
        text = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
        signature = openssl("dgst", "-sha256", "-sign", self.pair.key, stdin=text.encode())
        return f"{text}.{_encode(signature)}"

    def _access(self, user: str, scope: str) -> dict[str, Any]:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        asked = actions.split(",")
        allowed = asked if user else [action for action in asked if action in (self.anonymous_actions or ())]
        return {"type": kind, "name": name, "actions": allowed}


@contextmanager
def token_server(pair: KeyPair) -> Iterator[TokenServer]:
    tokens = TokenServer(pair)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            assert query["service"] == [SERVICE]
            expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            given = self.headers.get("Authorization")
            if given not in (None, expected) or (given is None and tokens.anonymous_actions is None):
                return self._reply(401, {"details": "incorrect username or password"})
            return self._reply(200, tokens.answer(USER if given else "", tuple(query.get("scope", ()))))

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            assert form["grant_type"] == ["refresh_token"]
            if form["refresh_token"] != [IDENTITY_TOKEN]:
                return self._reply(401, {"details": "invalid refresh token"})
            answer = tokens.answer(USER, tuple(form["scope"][0].split()))
            return self._reply(200, {"access_token": answer["token"], "expires_in": answer["expires_in"]})

        def _reply(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        tokens.url = f"http://localhost:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield tokens
        finally:
            server.shutdown()
            thread.join()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
