"""The verbs for manifests, tags and referrers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ducklake_registry.errors import DigestMismatch, InvalidAnswer, NotFound, Unsupported, UsageError
from ducklake_registry.oci import Descriptor, Index, Manifest, media_types, parse_manifest
from ducklake_registry.reference import Digest, Repository, Tag
from ducklake_registry.registry.answers import LIST_HINT
from ducklake_registry.registry.calls import Verbs, delete, push
from ducklake_registry.registry.lists import names, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ducklake_registry.registry.answers import Answer


class Manifests(Verbs):
    """Reads and changes what names images: lists, tags, manifests and what refers to them."""

    def catalog(self) -> Iterator[Repository]:
        """Give the names of all repositories, also of those whose images were all deleted.

        Raises NotFound where there is no such list: it is distribution's own, the OCI specification has none.
        """
        try:
            yield from names(self._session, self._calls.catalog(), "repositories", Repository)
        except NotFound as error:
            hint = "not every registry has one; name the repository: dlr list-registry-images REPOSITORY"
            raise NotFound(error.message, hint) from error
        except Unsupported:
            # Only the first page can be too large, so that nothing is given twice.
            small = self._calls.catalog(large_pages=False)
            yield from names(self._session, small, "repositories", Repository)

    def tags(self, repository: str) -> list[Tag]:
        """List the tags of a repository; empty where all were deleted. Raises NotFound."""
        return list(names(self._session, self._calls.tags(repository), "tags", Tag))

    def head_manifest(self, repository: str, reference: str) -> Descriptor:
        """Ask for a manifest's type, digest and size without its content. Raises NotFound."""
        call = self._calls.manifest("HEAD", repository, reference)
        try:
            answer = self._session.send(call)
        except NotFound as error:
            raise NotFound(error.message, LIST_HINT) from error  # such an answer has no body to give a reason
        digest, length = answer.header("docker-content-digest"), answer.number("content-length")
        if not digest or length is None:
            return self.manifest(repository, reference).descriptor
        media_type = media_types.bare(answer.header("content-type"))
        return Descriptor(media_type, _digest(digest, call.subject), length)

    def manifest(self, repository: str, reference: str) -> Manifest | Index:
        """Get a manifest or an index by tag or digest, verified. Raises NotFound, DigestMismatch."""
        call = self._calls.manifest("GET", repository, reference)
        return read_manifest(self._session.send(call), reference, call.subject)

    def put_manifest(self, repository: str, reference: str | None, manifest: Manifest | Index) -> Digest:
        """Put a manifest's bytes under a tag or, without a reference, under its digest alone.

        Files it with the referrers of its subject where the registry does not do so. Raises DigestMismatch
        if the registry has understood other bytes than these.
        """
        call = self._calls.manifest("PUT", repository, reference or manifest.digest, push(repository))
        headers = {"Content-Type": manifest.media_type}
        answer = self._session.send(replace(call, headers=headers, body=manifest.raw))
        stored = answer.header("docker-content-digest")
        if stored and stored != manifest.digest:
            raise DigestMismatch(f"{call.subject}: the registry stored {stored} instead of {manifest.digest}")
        if manifest.subject and not answer.header("oci-subject"):
            self._file_referrer(repository, manifest.subject.digest, manifest)
        return manifest.digest

    def delete_manifest(self, repository: str, digest: str, subject: Digest | None = None) -> None:
        """Delete a manifest, and with it every tag that names it.

        With the digest of its `subject`, where it has one, it is taken out of that one's list of referrers too,
        if the registry does not keep it itself ("Deleting Manifests"). Raises NotFound, DeleteDisabled, ReadOnly.
        """
        self._delete(self._calls.manifest("DELETE", repository, Digest(digest), delete(repository)))
        if subject:
            self._unfile_referrer(repository, subject, Digest(digest))

    def delete_tag(self, repository: str, tag: str) -> None:
        """Delete a tag and leave its manifest; raises Unsupported where the registry cannot (2.8)."""
        call = self._calls.manifest("DELETE", repository, Tag(tag), delete(repository))
        try:
            self._delete(call)
        except DigestMismatch as error:
            # distribution before 3.0 takes the tag for a digest that is none.
            raise Unsupported(
                f"the registry cannot delete a tag alone: {call.subject} stays",
                "delete the image by its digest, which takes all its tags along; or upgrade the registry to 3",
            ) from error

    def referrers(self, repository: str, digest: str, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """List the manifests whose subject is the given one, of one artifact type or of all.

        Asks the referrers API, and where there is none the tag that stands in for it.
        """
        call = self._calls.referrers(repository, digest, artifact_type)
        try:
            found = [
                Descriptor.from_json(entry)
                for answer in pages(self._session, call)
                for entry in answer.objects("manifests")
            ]
        except NotFound:
            index = self._fallback_index(repository, Digest(digest))
            found = list(index.manifests) if index else []
        return tuple(one for one in found if artifact_type in ("", one.artifact_type))

    def _file_referrer(self, repository: str, subject: Digest, manifest: Manifest | Index) -> None:
        """Add a manifest to the index under its subject's fallback tag ("Referrers Tag Schema")."""
        index = self._fallback_index(repository, subject)
        known = index.manifests if index else ()
        if all(entry.digest != manifest.digest for entry in known):
            listed = Index.of([*known, _as_referrer(manifest)])
            self.put_manifest(repository, fallback_tag(subject), listed)

    def _unfile_referrer(self, repository: str, subject: Digest, digest: Digest) -> None:
        """Take a manifest out of the index under its subject's fallback tag; an index of nothing is deleted."""
        index = self._fallback_index(repository, subject)
        if index is None or all(entry.digest != digest for entry in index.manifests):
            return
        if left := [entry for entry in index.manifests if entry.digest != digest]:
            self.put_manifest(repository, fallback_tag(subject), Index.of(left))
        else:
            self.delete_manifest(repository, index.digest)

    def _fallback_index(self, repository: str, subject: Digest) -> Index | None:
        try:
            index = self.manifest(repository, fallback_tag(subject))
        except NotFound:
            return None
        return index if isinstance(index, Index) else None


def read_manifest(answer: Answer, reference: str, subject: str) -> Manifest | Index:
    """Read an answer to a GET by tag or digest, verified; raises DigestMismatch, InvalidAnswer."""
    expected = reference if ":" in reference else answer.header("docker-content-digest")
    digest = _digest(expected, subject) if expected else Digest.of(answer.body)
    verify(answer.body, digest, subject)
    return parse_manifest(answer.body, answer.header("content-type"), digest)


def verify(content: bytes, digest: Digest, subject: str) -> None:
    """Raise DigestMismatch with both digests unless the content is what the digest names."""
    actual = Digest.of(content, digest.algorithm)
    if actual != digest:
        raise DigestMismatch(f"{subject} should be {digest}, but what came is {actual}", "try again")


def fallback_tag(subject: Digest) -> Tag:
    """Return the tag of the index that lists what refers to a manifest ("Referrers Tag Schema")."""
    return Tag(f"{subject.algorithm}-{subject.hex}"[:128])


def _as_referrer(manifest: Manifest | Index) -> Descriptor:
    """Describe a manifest for the list of referrers: an artifact without a type has that of its config."""
    described = manifest.descriptor
    if described.artifact_type or isinstance(manifest, Index):
        return described
    return replace(described, artifact_type=manifest.config.media_type)


def _digest(text: str, subject: str) -> Digest:
    try:
        return Digest(text)
    except UsageError as error:
        raise InvalidAnswer(f"{subject}: {error.message}") from error
