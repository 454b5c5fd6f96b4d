"""`RegistryClient`: the verbs of the registry API.

Source: the OCI distribution specification 1.1; for the catalog distribution's "HTTP API V2".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from ducklake_registry.errors import DigestMismatch, InvalidAnswer, Unauthorized, UsageError
from ducklake_registry.oci import Descriptor, Index, Manifest, media_types, parse_manifest
from ducklake_registry.reference import Digest, Repository, Tag
from ducklake_registry.registry._http import Call, Session
from ducklake_registry.registry.credentials import Credentials, docker_credentials
from ducklake_registry.registry.endpoint import Endpoint
from ducklake_registry.registry.lists import LIST_LIMIT, names
from ducklake_registry.registry.retry import Retry
from ducklake_registry.registry.tls import tls_context

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from ducklake_registry.registry.answers import Answer

Auth = Credentials | Callable[[str], Credentials | None] | None

_CATALOG_SCOPE = "registry:catalog:*"
# distribution refuses larger pages, and this is what it allows unless it is configured otherwise.
_CATALOG_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Ping:
    """What a registry answers to the first of all questions.

    `api_version` is its word (`registry/2.0`) or "". `seconds` is the time it took, connecting included.
    `authentication` is the scheme it asks for (`basic`, `bearer`) or "". `authorized` tells whether the
    credentials at hand were enough.
    """

    url: str
    api_version: str
    seconds: float
    authentication: str
    authorized: bool


class RegistryClient:
    """Speaks to one registry; a context manager, safe to share among threads.

    `registry` is `HOST[:PORT]` or a URL. `auth` is who asks: credentials, a function that looks them up for
    `HOST[:PORT]` when the registry first wants them, or None for nobody. `verify` is a TLS context
    (`tls_context`), True for the system's trust or False for none. `timeout` limits, in seconds, each answer
    with all its repeats, and of a blob each silence.
    """

    def __init__(
        self,
        registry: str,
        *,
        auth: Auth = docker_credentials,
        verify: ssl.SSLContext | bool = True,
        timeout: float = 60.0,
        plain_http: bool = False,
        retry: Retry | None = None,
    ) -> None:
        self.endpoint = Endpoint.of(registry, plain_http=plain_http)
        self._session = Session(
            self.endpoint,
            find_credentials=lambda: auth(self.endpoint.name) if callable(auth) else auth,
            tls=lambda: tls_context(insecure=not verify) if isinstance(verify, bool) else verify,
            timeout=timeout,
            retry=retry or Retry(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def ping(self) -> Ping:
        """Ask whether this is a registry and lets us in; raises RegistryError, RegistryUnreachable."""
        call = Call("GET", "/v2/", scope="", subject="the API", limit=LIST_LIMIT)
        start = time.perf_counter()
        try:
            answer: Answer | None = self._session.send(call)
        except Unauthorized:
            answer = None
        seconds = time.perf_counter() - start
        version = answer.header("docker-distribution-api-version") if answer else ""
        return Ping(self.endpoint.url, version, seconds, self._session.authorizer.scheme, answer is not None)

    def catalog(self) -> Iterator[Repository]:
        """Give the names of all repositories, also of those whose images were all deleted."""
        subject = f"the catalog of {self.endpoint.name}"
        call = Call("GET", f"/v2/_catalog?n={_CATALOG_PAGE}", _CATALOG_SCOPE, subject, limit=LIST_LIMIT)
        yield from names(self._session, call, "repositories", Repository)

    def tags(self, repository: str) -> list[Tag]:
        """List the tags of a repository; empty where all were deleted. Raises NotFound."""
        name = Repository(repository)
        subject = f"the tags of {self._place(name)}"
        # Without `n` there is one page from most registries; 2.8 knows no pages here at all.
        call = Call("GET", f"/v2/{name}/tags/list", _pull(name), subject, limit=LIST_LIMIT)
        return list(names(self._session, call, "tags", Tag))

    def head_manifest(self, repository: str, reference: str) -> Descriptor:
        """Ask for a manifest's type, digest and size without its content. Raises NotFound."""
        call = self._manifest_call("HEAD", repository, reference)
        answer = self._session.send(call)
        digest, length = answer.header("docker-content-digest"), answer.header("content-length")
        if not digest or not length.isdigit():
            return self.manifest(repository, reference).descriptor
        media_type = media_types.bare(answer.header("content-type"))
        return Descriptor(media_type, _digest(digest, call.subject), int(length))

    def manifest(self, repository: str, reference: str) -> Manifest | Index:
        """Get a manifest or an index by tag or digest, verified. Raises NotFound, DigestMismatch."""
        call = self._manifest_call("GET", repository, reference)
        answer = self._session.send(call)
        expected = reference if ":" in reference else answer.header("docker-content-digest")
        digest = _digest(expected, call.subject) if expected else Digest.of(answer.body)
        verify(answer.body, digest, call.subject)
        return parse_manifest(answer.body, answer.header("content-type"), digest)

    def put_manifest(self, repository: str, reference: str | None, manifest: Manifest | Index) -> Digest:
        """Put a manifest's bytes under a tag or, without a reference, under its digest alone.

        Raises DigestMismatch if the registry has understood other bytes than these.
        """
        call = self._manifest_call("PUT", repository, reference or manifest.digest)
        answer = self._session.send(
            Call(
                "PUT",
                call.url,
                _push(Repository(repository)),
                call.subject,
                {"Content-Type": manifest.media_type},
                manifest.raw,
            )
        )
        stored = answer.header("docker-content-digest")
        if stored and stored != manifest.digest:
            raise DigestMismatch(f"{call.subject}: the registry stored {stored} instead of {manifest.digest}")
        return manifest.digest

    def delete_manifest(self, repository: str, digest: str) -> None:
        """Delete a manifest, and with it every tag that names it.

        Raises NotFound, DeleteDisabled, ReadOnly.
        """
        self._delete(f"/v2/{Repository(repository)}/manifests/{Digest(digest)}", repository, digest)

    def delete_tag(self, repository: str, tag: str) -> None:
        """Delete a tag and leave its manifest; raises Unsupported where the registry cannot (2.8)."""
        self._delete(f"/v2/{Repository(repository)}/manifests/{Tag(tag)}", repository, tag)

    def delete_blob(self, repository: str, digest: str) -> None:
        """Take a blob out of a repository. Raises NotFound, DeleteDisabled, ReadOnly."""
        self._delete(f"/v2/{Repository(repository)}/blobs/{Digest(digest)}", repository, digest)

    def _delete(self, url: str, repository: str, reference: str) -> None:
        subject = self._place(repository, reference)
        scope = f"repository:{repository}:delete,pull"
        answer = self._session.send(Call("DELETE", url, scope, subject), HTTPStatus.NOT_FOUND)
        # A repeated delete may find that the first one did it, although its answer was lost.
        if answer.status == HTTPStatus.NOT_FOUND and answer.attempts == 1:
            raise self._session.problem(answer, subject)

    def _manifest_call(self, method: str, repository: str, reference: str) -> Call:
        name = Repository(repository)
        target = Digest(reference) if ":" in reference else Tag(reference)
        return Call(
            method,
            f"/v2/{name}/manifests/{target}",
            _pull(name),
            self._place(name, target),
            {"Accept": media_types.ACCEPT_MANIFESTS},
        )

    def _place(self, repository: str, reference: str = "") -> str:
        mark = "@" if ":" in reference else ":"
        return f"{self.endpoint.name}/{repository}{mark + reference if reference else ''}"


def verify(content: bytes, digest: Digest, subject: str) -> None:
    """Raise DigestMismatch with both digests unless the content is what the digest names."""
    actual = Digest.of(content, digest.algorithm)
    if actual != digest:
        raise DigestMismatch(f"{subject} should be {digest}, but what came is {actual}", "try again")


def _digest(text: str, subject: str) -> Digest:
    try:
        return Digest(text)
    except UsageError as error:
        raise InvalidAnswer(f"{subject}: {error.message}") from error


def _pull(repository: Repository) -> str:
    return f"repository:{repository}:pull"


def _push(repository: Repository) -> str:
    return f"repository:{repository}:pull,push"
