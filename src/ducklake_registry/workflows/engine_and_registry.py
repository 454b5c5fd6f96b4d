"""What pushing and pulling share: the registry is reached, and the engine told who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.engine import ConnectionBroken
from ducklake_registry.errors import NotFound, RegistryUnreachable, Unauthorized
from ducklake_registry.oci import Manifest
from ducklake_registry.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from ducklake_registry.engine import Login
    from ducklake_registry.oci import Index
    from ducklake_registry.reference import Digest, Repository, Tag
    from ducklake_registry.registry import RegistryClient
    from ducklake_registry.step import Report

    T = TypeVar("T")

_ATTEMPTS = 5


def reach(client: RegistryClient) -> str:
    """See that the registry answers and lets us in; raises RegistryUnreachable, Unauthorized."""
    if not client.ping().authorized:
        name = client.endpoint.name
        who = (
            f"does not accept the password of {client.credentials.username}"
            if client.credentials
            else "asks who you are"
        )
        raise Unauthorized(f"{name} {who}", f"docker login {name}; or --username NAME --password-stdin")
    return "answers"


def login_of(client: RegistryClient) -> Login:
    """Return who asks the registry, as the engine is told; empty where the registry does not want to know."""
    found = client.credentials
    if found is None:
        return {}
    fields = {
        "username": found.username,
        "password": found.password,
        "identitytoken": found.identity_token,
        "registrytoken": found.registry_token,
        "serveraddress": client.endpoint.name,
    }
    return {key: value for key, value in fields.items() if value}


def persistently(work: Callable[[], T], client: RegistryClient, patience: float, report: Report) -> T:
    """Do what can be done again with a registry; when the registry goes away, await it and do so.

    Raises TimeoutExpired when it does not come back within `patience` seconds, else what `work` raises at last.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except (ConnectionBroken, RegistryUnreachable) as error:
            report(error.message)
            wait_for(f"an answer from {client.endpoint.name}", lambda: _answer(client), Deadline(patience), report)
    return work()


def is_image(manifest: Manifest | Index, image_id: str) -> bool:
    """Tell whether a manifest is that of an image of the engine.

    An engine's id of an image is the digest of its config; with containerd's image store, of its manifest.
    """
    return manifest.digest == image_id or (isinstance(manifest, Manifest) and manifest.config.digest == image_id)


def digest_at(client: RegistryClient, repository: Repository, tag: Tag) -> Digest | None:
    """Return the digest that a tag of the registry has; None where there is no such tag."""
    try:
        return client.head_manifest(repository, tag).digest
    except NotFound:
        return None


def _answer(client: RegistryClient) -> str | NotYet:
    try:
        return client.ping().url
    except RegistryUnreachable as error:
        return NotYet(error.message)
