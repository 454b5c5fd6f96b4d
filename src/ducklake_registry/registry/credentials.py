"""User names and passwords, and where Docker keeps them.

Sources: "docker login" in Docker's CLI reference (credHelpers before credsStore before auths), the protocol
of docker-credential-helpers, and `DOCKER_AUTH_CONFIG` of Docker's CLI 28.3 and GitLab's runners.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake_registry.errors import RegistryError, UsageError
from ducklake_registry.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a credential helper answers as user name where its secret is an identity token (a refresh token).
IDENTITY_TOKEN_USER = "<token>"  # noqa: S105
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 30.0
_HELPER_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks. Its secrets are in no `repr`, so that none gets into a log or a traceback."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header of the scheme Basic (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def docker_credentials(registry: str, environ: Mapping[str, str] | None = None) -> Credentials | None:
    """Look up a registry (`HOST[:PORT]`) where Docker would.

    First in DOCKER_AUTH_CONFIG, then in `config.json` of $DOCKER_CONFIG or ~/.docker. None if there is no
    entry. Raises UsageError for a file that cannot be read and RegistryError for a helper that fails.
    """
    environ = os.environ if environ is None else environ
    if text := environ.get("DOCKER_AUTH_CONFIG"):
        config = _read_config(text, "DOCKER_AUTH_CONFIG")
        if found := _from_auths(config, registry, "DOCKER_AUTH_CONFIG"):
            return found
    folder = environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    config = _read_config(text, str(path))
    helper = _helper(config, registry)
    return _ask_helper(helper, registry) if helper else _from_auths(config, registry, str(path))


def _read_config(text: str, source: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except ValueError:
        # The error's own text could quote a secret.
        raise UsageError(f"{source} is not JSON", "log in again: docker login") from None
    if not isinstance(config, dict):
        raise UsageError(f"{source} is not a JSON object", "log in again: docker login")
    return config


def _keys(registry: str) -> list[str]:
    """Every name under which Docker and its kin have filed a registry."""
    if registry == DOCKER_HUB:
        return [_HUB_KEY, "index.docker.io", DOCKER_HUB, "registry-1.docker.io"]
    return [registry, f"https://{registry}", f"http://{registry}"]


def _helper(config: dict[str, Any], registry: str) -> str | None:
    helpers = config.get("credHelpers")
    if isinstance(helpers, dict):
        for key in _keys(registry):
            if name := helpers.get(key):
                return str(name)
    store = config.get("credsStore")
    return store if isinstance(store, str) and store else None


def _from_auths(config: dict[str, Any], registry: str, source: str) -> Credentials | None:
    auths = config.get("auths")
    if not isinstance(auths, dict):
        return None
    filed = {key.rstrip("/"): entry for key, entry in auths.items() if isinstance(entry, dict)}
    for key in _keys(registry):
        for name in (key.rstrip("/"), f"{key.rstrip('/')}/v2", f"{key.rstrip('/')}/v1"):
            if entry := filed.get(name):
                return _entry(entry, registry, source)
    return None


def _entry(entry: dict[str, Any], registry: str, source: str) -> Credentials | None:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if encoded := entry.get("auth"):
        try:
            pair = base64.b64decode(str(encoded), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise UsageError(
                f"{source} has an entry for {registry} that cannot be read", f"docker login {registry}"
            ) from None
        username, _, password = pair.rstrip("\0").partition(":")
    found = Credentials(
        username,
        password,
        identity_token=str(entry.get("identitytoken") or ""),
        registry_token=str(entry.get("registrytoken") or ""),
    )
    return None if found == Credentials() else found


def _ask_helper(helper: str, registry: str) -> Credentials | None:
    """Run `docker-credential-HELPER get`, which reads the registry from stdin and answers JSON."""
    if not _HELPER_NAME.fullmatch(helper):
        raise UsageError(f"{helper!r} is no name of a credential helper", "see credsStore in config.json")
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, "get"],
            input=_HUB_KEY if registry == DOCKER_HUB else registry,
            capture_output=True,
            text=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError(
            f"{program} is not installed, but Docker's config.json names it",
            f"install it, or remove {helper!r} from credsStore and credHelpers",
        ) from None
    except OSError as error:
        raise UsageError(
            f"{program} cannot be run: {error.strerror}", "see credsStore and credHelpers in Docker's config.json"
        ) from None
    except subprocess.TimeoutExpired:
        raise RegistryError(f"{program} did not answer within {_HELPER_SECONDS:.0f} s") from None
    if done.returncode == 0:
        return _helper_answer(done.stdout, program)
    # The protocol's only way to say that there is no entry.
    if "credentials not found" in (done.stdout + done.stderr).lower():
        return None
    raise RegistryError(f"{program} failed: {(done.stdout or done.stderr).strip()[:200]}")


def _helper_answer(text: str, program: str) -> Credentials | None:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise RegistryError(f"{program} did not answer with a JSON object")
    username, secret = str(answer.get("Username") or ""), str(answer.get("Secret") or "")
    if username == IDENTITY_TOKEN_USER:
        return Credentials(identity_token=secret)
    return Credentials(username, secret) if username or secret else None
