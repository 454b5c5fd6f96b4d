"""The requests of the API: the path, the scope and the name in an error of each thing one can ask for.

Source: "Endpoints" of the OCI distribution specification 1.1; "Token Scope Documentation" of distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from ducklake_registry.oci import media_types
from ducklake_registry.reference import Digest, Repository, Tag
from ducklake_registry.registry.call import Call

if TYPE_CHECKING:
    from ducklake_registry.registry._http import Session

# A list is as large as a registry has names; this is enough for a million.
LIST_LIMIT = 64 * 1024 * 1024

# distribution refuses larger pages, and this is what it allows unless it is configured otherwise.
_CATALOG_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes the calls to one registry; every name in them has been checked before they are made."""

    registry: str

    def ping(self) -> Call:
        """Ask whether there is an API."""
        return Call("GET", "/v2/", scope="", subject="the API")

    def catalog(self, *, large_pages: bool = True) -> Call:
        """Ask for the first page of all repositories; without large pages they are as the registry likes."""
        query = f"?n={_CATALOG_PAGE}" if large_pages else ""
        subject = f"the catalog of {self.registry}"
        return Call("GET", f"/v2/_catalog{query}", "registry:catalog:*", subject, limit=LIST_LIMIT)

    def tags(self, repository: str) -> Call:
        """Ask for a repository's tags, without a page's size: 2.8 knows no pages here at all."""
        name = Repository(repository)
        subject = f"the tags of {self.place(name)}"
        return Call("GET", f"/v2/{name}/tags/list", pull(name), subject, limit=LIST_LIMIT)

    def manifest(self, method: str, repository: str, reference: str, scope: str | None = None) -> Call:
        """Ask for a manifest or an index of any type, by tag or digest."""
        name = Repository(repository)
        target = Digest(reference) if ":" in reference else Tag(reference)
        return Call(
            method,
            f"/v2/{name}/manifests/{target}",
            scope or pull(name),
            self.place(name, target),
            {"Accept": media_types.ACCEPT_MANIFESTS},
        )

    def blob(self, method: str, repository: str, digest: str, scope: str | None = None) -> Call:
        """Ask for a blob."""
        name, known = Repository(repository), Digest(digest)
        return Call(method, f"/v2/{name}/blobs/{known}", scope or pull(name), self.place(name, known))

    def referrers(self, repository: str, digest: str, artifact_type: str = "") -> Call:
        """Ask for what refers to a manifest; a registry may list other types all the same."""
        name, known = Repository(repository), Digest(digest)
        query = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
        subject = f"the referrers of {self.place(name, known)}"
        return Call("GET", f"/v2/{name}/referrers/{known}{query}", pull(name), subject)

    def place(self, repository: str, reference: str = "") -> str:
        """Name a repository, or what is in it, as the user would."""
        mark = "@" if ":" in reference else ":"
        return f"{self.registry}/{repository}{mark + reference if reference else ''}"


class Verbs:
    """What the verbs of a client share: its session, and the calls that go over it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls = Calls(session.endpoint.name)

    def _delete(self, call: Call) -> None:
        answer = self._session.send(call, HTTPStatus.NOT_FOUND)
        # A repeated delete may find that the first one did it, although its answer was lost.
        if answer.status == HTTPStatus.NOT_FOUND and answer.attempts == 1:
            raise self._session.problem(answer, call.subject)


def pull(repository: str) -> str:
    """Name the scope for reading."""
    return f"repository:{repository}:pull"


def push(repository: str) -> str:
    """Name the scope for writing."""
    return f"repository:{repository}:pull,push"


def delete(repository: str) -> str:
    """Name the scope for deleting."""
    return f"repository:{repository}:delete,pull"
