"""The verbs for reading very much: the same as for one thing, over many requests in flight."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ducklake_registry.errors import NotFound, RegistryError, RegistryUnreachable, Unauthorized
from ducklake_registry.reference import Digest, Tag
from ducklake_registry.registry.calls import Verbs
from ducklake_registry.registry.lists import names, names_in
from ducklake_registry.registry.manifests import read_manifest, verify
from ducklake_registry.registry.wires import ask_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ducklake_registry.oci import Descriptor, Index, Manifest
    from ducklake_registry.reference import Repository
    from ducklake_registry.registry.answers import Answer
    from ducklake_registry.registry.call import Call

Key = TypeVar("Key")
Result = TypeVar("Result")


class WantedManifest(NamedTuple):
    """A manifest to get by tag or digest; where it still is the `known` one, its content is not sent again."""

    repository: Repository
    reference: str
    known: Digest | None = None


class WantedBlob(NamedTuple):
    """A small blob to get, such as a config."""

    repository: Repository
    blob: Descriptor


class Bulk(Verbs):
    """Reads many things at once: keys and results come in the order in which they were asked for.

    Wishes are taken as results are, so that both may be endless; a key with None for a wish comes back in its
    place with None. What is not there or does not hold is an error in the place of its result; a registry
    that cannot be reached, or does not let us in, raises RegistryUnreachable or Unauthorized.
    """

    def tags_of(
        self, repositories: Iterable[Repository]
    ) -> Iterator[tuple[Repository, list[Tag] | RegistryError]]:
        """List the tags of many repositories; none where a repository is gone meanwhile."""
        wanted = ((repository, self._calls.tags(repository)) for repository in repositories)
        for repository, found in self._read(wanted, self._tags):
            yield repository, [] if found is None or isinstance(found, NotFound) else found

    def manifests_of(
        self, wanted: Iterable[tuple[Key, WantedManifest | None]]
    ) -> Iterator[tuple[Key, Manifest | Index | RegistryError | None]]:
        """Get many manifests and indexes, verified; None for one that still is the known one."""
        calls = ((key, wish and self._wanted_manifest(wish)) for key, wish in wanted)
        return self._read(calls, lambda call, answer: read_manifest(answer, _reference(call), call.subject))

    def small_blobs_of(
        self, wanted: Iterable[tuple[Key, WantedBlob | None]]
    ) -> Iterator[tuple[Key, bytes | RegistryError | None]]:
        """Get many blobs such as configs, each in one piece, verified."""
        calls = (
            (key, wish and self._calls.blob("GET", wish.repository, wish.blob.digest)) for key, wish in wanted
        )
        return self._read(calls, _blob)

    def _wanted_manifest(self, wish: WantedManifest) -> Call:
        call = self._calls.manifest("GET", wish.repository, wish.reference)
        if wish.known is None:
            return call
        return replace(call, headers={**call.headers, "If-None-Match": f'"{wish.known}"'})

    def _tags(self, call: Call, answer: Answer) -> list[Tag]:
        # Pages come one after the other anyway.
        listed = (
            names(self._session, call, "tags", Tag)
            if answer.header("link")
            else names_in(call, answer, "tags", Tag)
        )
        return list(listed)

    def _read(
        self, calls: Iterable[tuple[Key, Call | None]], read: Callable[[Call, Answer], Result]
    ) -> Iterator[tuple[Key, Result | RegistryError | None]]:
        for key, call, outcome in ask_all(self._session, calls):
            if isinstance(outcome, RegistryUnreachable | Unauthorized):
                raise outcome
            if call is None or outcome is None or isinstance(outcome, RegistryError):
                yield key, outcome if isinstance(outcome, RegistryError) else None
            elif outcome.status == HTTPStatus.NOT_MODIFIED:
                yield key, None
            else:
                yield key, _attempt(read, call, outcome)


def _attempt(read: Callable[[Call, Answer], Result], call: Call, answer: Answer) -> Result | RegistryError:
    try:
        return read(call, answer)
    except (RegistryUnreachable, Unauthorized):
        raise
    except RegistryError as error:
        return error


def _blob(call: Call, answer: Answer) -> bytes:
    verify(answer.body, Digest(_reference(call)), call.subject)
    return answer.body


def _reference(call: Call) -> str:
    return call.url.rpartition("/")[2]
