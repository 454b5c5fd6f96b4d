"""`Context`: what the checks work with, and the one way in which they put something into the registry."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ducklake_registry.acceptance import content
from ducklake_registry.acceptance.check import CheckSkipped
from ducklake_registry.acceptance.cleanup import Cleanup
from ducklake_registry.acceptance.journal import Journal, Kind, Trace
from ducklake_registry.manifests import parse_quantity
from ducklake_registry.reference import Digest
from ducklake_registry.registry import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ducklake_registry.acceptance.content import GeneratedImage, GeneratedIndex
    from ducklake_registry.acceptance.site import Site
    from ducklake_registry.engine.client import Engine
    from ducklake_registry.oci import Index, Manifest
    from ducklake_registry.registry import Answer, RegistryClient
    from ducklake_registry.waiting import Deadline

# Asked long enough that a registry whose pod is being replaced is there again.
_PATIENCE = Retry(attempts=8, first_pause=0.2, longest_pause=5.0)

FOLDER = "dlr-acceptance"
IMAGES, MOUNTED, PERFORMANCE = REPOSITORIES = tuple(
    f"{FOLDER}/{name}" for name in ("images", "mounted", "performance")
)
"""The repositories of the test: where nearly everything is put, where blobs are mounted, and where nothing else is
that would change the times. They are as few as can be and the same in each run, since a registry goes on to list a
repository when its content is gone. Tags and content differ, from check to check and from run to run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What makes the measurements fail: the slowest p95 (seconds), the least throughput (bytes a second)."""

    max_p95: float | None = None
    min_throughput: float | None = None

    @classmethod
    def of(cls, max_p95: float | None, min_throughput: str | None) -> Limits:
        """Read the throughput as the quantity that it is. Raises UsageError."""
        return cls(max_p95, float(parse_quantity(min_throughput)) if min_throughput else None)


@dataclass(frozen=True, slots=True)
class Context:
    """What there is to work with.

    `client` asks everything once, so that a failure is seen and not repeated away; `patient` is for removing and
    waiting. `run` is a word that no other run has, `journal` the notes of what it puts into the registry. `site`
    and `engine` are where the registry runs and the Docker Engine, each None with the reason why it cannot be had
    in `missing`.
    """

    client: RegistryClient
    patient: RegistryClient
    cleanup: Cleanup
    deadline: Deadline
    limits: Limits = Limits()
    disruptive: bool = False
    site: Site | None = None
    engine: Engine | None = None
    missing: dict[str, str] = field(default_factory=dict)
    run: str = field(default_factory=lambda: secrets.token_hex(5))
    journal: Journal = field(default_factory=lambda: Journal(None, "", ""))

    @property
    def registry(self) -> str:
        """The registry's name, as it is in names of images."""
        return self.client.endpoint.name

    @property
    def remover(self) -> RegistryClient:
        """The client that removes: a patient one, until something could not be removed all the same."""
        return self.client if self.cleanup.left_behind else self.patient

    def tag(self, name: str) -> str:
        """Return a tag that is this run's own."""
        return f"{self.run}-{name}"

    def text(self, about: str) -> str:
        """Return what makes content this run's own."""
        return f"{about} {self.run}"

    def needs_site(self) -> Site:
        """Return where the registry runs. Raises CheckSkipped."""
        if self.site is None:
            raise CheckSkipped(self.missing.get("site", "no cluster"))
        return self.site

    def needs_engine(self) -> Engine:
        """Return the Docker Engine. Raises CheckSkipped."""
        if self.engine is None:
            raise CheckSkipped(self.missing.get("engine", "no Docker Engine"))
        return self.engine

    def ask(self, method: str, repository: str, rest: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask about what is in a repository, and return the answer as it is."""
        scope = f"repository:{repository}:pull"
        return self.client.ask(method, f"/v2/{repository}/{rest}", scope=scope, headers=headers)

    def push(self, repository: str, image: GeneratedImage, tag: str | None = None) -> Manifest:
        """Put an image into a repository of the test until the end of the run."""
        for blob in image.blobs:
            self.push_blob(repository, blob)
        self.put(repository, image.manifest, tag)
        return image.manifest

    def push_new(self, repository: str, about: str, tag: str | None = None) -> Manifest:
        """Put an image into a repository that has never been there before."""
        return self.push(repository, content.image(self.text(about)), tag)

    def push_index(self, repository: str, index: GeneratedIndex, tag: str) -> Index:
        """Put an index and its images into a repository of the test until the end of the run."""
        for image in index.images:
            self.push(repository, image)
        self.put(repository, index.index, tag)
        return index.index

    def push_blob(self, repository: str, blob: bytes) -> None:
        """Put a blob into a repository of the test until the end of the run."""
        self.will_have_blob(repository, Digest.of(blob))
        self.client.upload_blob(repository, blob)

    def put(self, repository: str, manifest: Manifest | Index, tag: str | None = None) -> None:
        """Put a manifest into a repository of the test until the end of the run."""
        self.will_have(Trace(Kind.MANIFEST, repository, manifest.digest, tag))
        self.client.put_manifest(repository, tag, manifest)

    def will_have(self, trace: Trace) -> None:
        """See to it that something, however it gets there, is gone from the registry after the run."""
        self.journal.note(trace)
        self.cleanup.add(str(trace), lambda: trace.remove(self.remover))

    def will_have_blob(self, repository: str, digest: Digest) -> None:
        """See to it that a blob is gone from a repository after the run."""
        self.will_have(Trace(Kind.BLOB, repository, digest))


@contextlib.contextmanager
def working_with(
    client: RegistryClient, deadline: Deadline, limits: Limits, *, disruptive: bool, notes: Path | None = None
) -> Iterator[Context]:
    """Give the context for a test of a client's registry, and close all connections in the end.

    `notes` is the folder where runs note what they put there; None is to do without.
    """
    cleanup, run = Cleanup(), secrets.token_hex(5)
    journal = Journal(notes, client.endpoint.url, run)
    with client.another(retry=Retry(attempts=1)) as once, client.another(retry=_PATIENCE) as patient:
        try:
            yield Context(once, patient, cleanup, deadline, limits, disruptive, run=run, journal=journal)
        finally:
            journal.close(done=cleanup.complete)
