"""The verbs for blobs: configs, layers and whatever else a manifest points to."""

from __future__ import annotations

from dataclasses import replace

from ducklake_registry.errors import InvalidAnswer, NotFound
from ducklake_registry.layout import InMemory
from ducklake_registry.oci import Descriptor, media_types
from ducklake_registry.reference import Digest, Hash, Repository
from ducklake_registry.registry.call import ANSWER_LIMIT
from ducklake_registry.registry.calls import Verbs, delete
from ducklake_registry.registry.downloads import BlobReader
from ducklake_registry.registry.manifests import verify
from ducklake_registry.registry.uploads import Content, Progress, Upload, Uploaded, has_blob


class Blobs(Verbs):
    """Reads, writes, mounts and deletes blobs."""

    def head_blob(self, repository: str, digest: str) -> Descriptor:
        """Ask for a blob's size without its content. Raises NotFound."""
        call = self._calls.blob("HEAD", repository, digest)
        length = self._session.send(call).number("content-length")
        if length is None:
            raise InvalidAnswer(f"{call.subject}: the registry does not tell its size")
        return Descriptor(media_types.OCTET_STREAM, Digest(digest), length)

    def blob(
        self, repository: str, blob: Descriptor | str, *, offset: int = 0, hasher: Hash | None = None
    ) -> BlobReader:
        """Read a blob of any size, piece by piece, verified at its end.

        A descriptor's size is verified besides. Reading starts at `offset` bytes where `hasher` has taken in
        those before. The reader raises NotFound, DigestMismatch, RegistryUnreachable.
        """
        digest, size = (blob.digest, blob.size) if isinstance(blob, Descriptor) else (Digest(blob), None)
        call = self._calls.blob("GET", repository, digest)
        return BlobReader(self._session, call, digest, size, offset=offset, hasher=hasher)

    def small_blob(self, repository: str, blob: Descriptor | str, *, limit: int = ANSWER_LIMIT) -> bytes:
        """Get a blob such as a config in one piece, verified; raises InvalidAnswer past `limit` bytes."""
        digest = blob.digest if isinstance(blob, Descriptor) else Digest(blob)
        call = replace(self._calls.blob("GET", repository, digest), limit=limit)
        content = self._session.send(call).body
        verify(content, digest, call.subject)
        return content

    def upload_blob(
        self,
        repository: str,
        content: bytes | Content,
        digest: str | None = None,
        *,
        mount_from: str | None = None,
        chunk: int | None = None,
        progress: Progress = lambda _: None,
    ) -> Uploaded:
        """Put a blob into a repository unless it is there, and tell what that took.

        The digest is needed where the content is not bytes. `mount_from` is a repository of the same registry
        that may have it; `chunk` limits, in bytes, what one request carries. Raises DigestMismatch.
        """
        upload = self._upload(repository, content, digest, chunk, progress)
        if has_blob(self._session, upload.repository, upload.digest, upload.subject):
            return Uploaded.FOUND
        return upload.start(mount_from) or upload.run_or_cancel()

    def send_blob(self, repository: str, content: Content, digest: str) -> None:
        """Send a blob whether or not it is there: for those who measure. Raises DigestMismatch."""
        upload = self._upload(repository, content, digest, None, lambda _: None)
        upload.start()
        upload.run_or_cancel()

    def mount_blob(self, repository: str, digest: str, source: str) -> None:
        """Put a blob into a repository that another one of the same registry has.

        Raises NotFound where it is not there, or where we may not read it there.
        """
        upload = self._upload(repository, b"", digest, None, lambda _: None)
        if upload.start(Repository(source)) is not Uploaded.MOUNTED:
            upload.cancel()
            raise NotFound(f"{digest} cannot be mounted from {self._calls.place(source)}: it is not there for us")

    def delete_blob(self, repository: str, digest: str) -> None:
        """Take a blob out of a repository. Raises NotFound, DeleteDisabled, ReadOnly."""
        self._delete(self._calls.blob("DELETE", repository, digest, delete(repository)))

    def _upload(
        self,
        repository: str,
        content: bytes | Content,
        digest: str | None,
        chunk: int | None,
        progress: Progress,
    ) -> Upload:
        if isinstance(content, bytes):
            digest, content = digest or Digest.of(content), InMemory(content)
        name, known = Repository(repository), Digest(digest or "")
        return Upload(self._session, name, known, content, self._calls.place(name, known), progress, chunk)
