"""Tags, labels and what GitHub Actions is told: all that a build decides before it begins."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.display.transferred import tell_github
from ducklake_registry.engine import BuildContext
from ducklake_registry.errors import UsageError
from ducklake_registry.git import Checkout, NoCheckout
from ducklake_registry.reference import Digest, Tag
from ducklake_registry.workflows.build_and_push import PushedImage, Source
from ducklake_registry.workflows.image_names import Destination, choose_tags, oci_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COMMIT = Checkout("0123456789abcdef", "0123456", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), source="https://h/a")
LOCAL, OTHER, PRODUCTION = Destination.LOCAL, Destination.OTHER, Destination.PRODUCTION


@pytest.mark.parametrize(
    ("given", "checkout", "destination", "tags"),
    [
        ([], COMMIT, OTHER, ["0123456"]),
        ([], COMMIT, LOCAL, ["0123456", "latest"]),
        ([], replace(COMMIT, dirty=True), OTHER, ["0123456-dirty"]),
        ([], replace(COMMIT, tags=("v1.2.3", "v1.2")), PRODUCTION, ["v1.2.3"]),
        ([], replace(COMMIT, tags=("a/b", "v1")), OTHER, ["v1"]),
        (["v1", "v2", "v1"], COMMIT, OTHER, ["v1", "v2"]),
        (["v1"], NoCheckout("no"), LOCAL, ["v1", "latest"]),
        (["latest", "v1"], COMMIT, LOCAL, ["v1", "latest"]),
        (["latest"], COMMIT, LOCAL, ["latest"]),
        (["latest"], COMMIT, OTHER, ["latest"]),
    ],
)
def test_the_tags(
    given: Sequence[str], checkout: Checkout | NoCheckout, destination: Destination, tags: list[str]
) -> None:
    assert list(choose_tags(given, checkout, destination)) == tags


@pytest.mark.parametrize(
    ("given", "destination", "said"),
    [
        (["latest"], PRODUCTION, "`latest` is no tag for production"),
        (["v1", "latest"], PRODUCTION, "`latest` is no tag for production"),
        (["no tag"], OTHER, "'no tag' is no tag"),
        ([], OTHER, "git has none .not a git repository"),
    ],
)
def test_tags_that_cannot_be(given: Sequence[str], destination: Destination, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        choose_tags(given, NoCheckout("not a git repository"), destination)


def test_the_labels_of_the_specification_and_ones_own() -> None:
    labels = oci_labels(replace(COMMIT, dirty=True), Tag("v1"), COMMIT.committed, {"a": "b"})
    assert labels == {
        "org.opencontainers.image.version": "v1",
        "org.opencontainers.image.created": "2024-05-06T07:08:09Z",
        "org.opencontainers.image.revision": "0123456789abcdef-dirty",
        "org.opencontainers.image.source": "https://h/a",
        "a": "b",
    }
    own = {"org.opencontainers.image.version": "mine"}
    assert oci_labels(None, Tag("v1"), COMMIT.committed, own) == own | {
        "org.opencontainers.image.created": "2024-05-06T07:08:09Z"
    }


def test_an_image_is_as_old_as_what_it_is_made_of(tmp_path: Path) -> None:
    for name, moment in (("Dockerfile", 1000), ("old", 2000), ("ignored", 9000)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (moment, moment))
    (tmp_path / ".dockerignore").write_text("ignored\n")
    os.utime(tmp_path / ".dockerignore", (1000, 1000))
    source = Source(BuildContext.of(tmp_path))

    def created(source: Source) -> str:
        return source.labels_for(Tag("v1"))["org.opencontainers.image.created"]

    assert created(source) == "1970-01-01T00:33:20Z"
    assert created(replace(source, checkout=COMMIT)) == "2024-05-06T07:08:09Z"
    assert created(replace(source, checkout=replace(COMMIT, dirty=True))) == "1970-01-01T00:33:20Z"
    assert (
        created(replace(source, checkout=COMMIT, created=datetime.fromtimestamp(5, UTC))) == "1970-01-01T00:00:05Z"
    )


# --- GitHub Actions

PUSHED = PushedImage("h:5000/a", Digest.of(b""), (Tag("v1"), Tag("latest")), f"h:5000/a@{Digest.of(b'')}", 1536)


def test_what_github_is_told_is_added_to_what_is_there(tmp_path: Path) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    output.write_text("before=1\n")
    tell_github(
        PUSHED, {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    )
    assert dict(line.split("=", 1) for line in output.read_text().splitlines()) == {
        "before": "1",
        "digest": PUSHED.digest,
        "image": "h:5000/a",
        "tags": "v1,latest",
        "reference": PUSHED.reference,
    }
    assert f"| `h:5000/a` | `v1`, `latest` | `{PUSHED.digest}` | 1.5 KiB |" in summary.read_text()


def test_elsewhere_nothing_is_written(tmp_path: Path) -> None:
    tell_github(PUSHED, {"GITHUB_OUTPUT": str(tmp_path / "output")})
    tell_github(PUSHED, {"GITHUB_ACTIONS": "true"})
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_github_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write GITHUB_OUTPUT"):
        tell_github(PUSHED, {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(tmp_path / "no" / "output")})
