"""Tags: names that lead to images, and can be moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.acceptance import answers, pages
from ducklake_registry.acceptance.check import Category, Check, Evidence, NotSupported, expect
from ducklake_registry.acceptance.context import FOLDER, IMAGES
from ducklake_registry.errors import Unsupported
from ducklake_registry.oci import media_types
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.acceptance.pages import Paged

_COUNT = 7
_PAGE = 3


def lists(context: Context) -> Evidence:
    """It lists every tag that was pushed."""
    repository, wanted = _tagged(context)
    pages.each_once(_read(context, repository), wanted, "tags")
    answer = context.ask("GET", repository, "tags/list")
    name = answer.json().get("name")
    expect(name == repository, f"the list of tags is said to be of {name!r}, not {repository!r}")
    return Evidence(f"{len(wanted)} of {len(wanted)} new tags")


def in_pages(context: Context) -> Evidence:
    """Small pages give every tag, and each once. Source: "Listing Tags", `n` and `Link`."""
    repository, wanted = _tagged(context)
    paged = _read(context, repository, _PAGE)
    pages.each_once(paged, wanted, "tags")
    if len(paged.pages) == 1:
        raise NotSupported(f"it gives all {len(paged.names)} tags although {_PAGE} were asked for")
    pages.no_larger_than(paged, _PAGE)
    return Evidence(f"{len(paged.names)} tags in {len(paged.pages)} pages of {_PAGE}, each once")


def moves(context: Context) -> Evidence:
    """A tag that is pushed again leads to the new image, and the old one stays."""
    repository, tag = IMAGES, context.tag("moved")
    old = context.push_new(repository, "old", tag)
    answers.manifest(context.ask("GET", repository, f"manifests/{tag}", _ACCEPT), old)
    new = context.push_new(repository, "new", tag)
    for method in ("HEAD", "GET"):
        answers.manifest(context.ask(method, repository, f"manifests/{tag}", _ACCEPT), new)
    answers.manifest(context.ask("GET", repository, f"manifests/{old.digest}", _ACCEPT), old)
    return Evidence(f"from {_short(old.digest)} to {_short(new.digest)}; the old one stays by its digest")


def unknown(context: Context) -> Evidence:
    """What is not there is said so in the specification's words."""
    nowhere = f"{FOLDER}/nowhere-{context.run}"
    answers.error(context.ask("GET", nowhere, "tags/list"), 404, "NAME_UNKNOWN")
    answer = context.ask("GET", nowhere, "manifests/latest", _ACCEPT)
    answers.error(answer, 404, "MANIFEST_UNKNOWN", "NAME_UNKNOWN")
    blob = Digest.of(context.text("nothing").encode())
    answers.error(context.ask("GET", nowhere, f"blobs/{blob}"), 404, "BLOB_UNKNOWN", "NAME_UNKNOWN")
    return Evidence("404 with its code for an unknown repository, manifest and blob")


def deletes(context: Context) -> Evidence:
    """A tag can be taken away without its image. Source: "Deleting tags"."""
    repository, tag = IMAGES, context.tag("untagged")
    image = context.push_new(repository, "untagged", tag)
    try:
        context.client.delete_tag(repository, tag)
    except Unsupported as error:
        if "cannot delete a tag alone" not in error.message:
            raise
        raise NotSupported("it cannot delete a tag alone, only an image with all its tags") from error
    answers.gone(context.ask("GET", repository, f"manifests/{tag}", _ACCEPT), "the tag")
    answers.manifest(context.ask("GET", repository, f"manifests/{image.digest}", _ACCEPT), image)
    return Evidence("the tag is gone, its image stays")


def _tagged(context: Context) -> tuple[str, set[str]]:
    """Push an image under several tags; return its repository and the tags."""
    image = context.push_new(IMAGES, "tagged")
    wanted = {context.tag(f"many-{number}") for number in range(_COUNT)}
    for tag in sorted(wanted):
        context.client.put_manifest(IMAGES, tag, image)
    return IMAGES, wanted


def _read(context: Context, repository: str, size: int | None = None) -> Paged:
    return pages.read(context, f"/v2/{repository}/tags/list", "tags", f"repository:{repository}:pull", size)


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]


_ACCEPT = {"Accept": media_types.ACCEPT_MANIFESTS}

CHECKS = (
    Check(Category.TAGS, "lists", lists),
    Check(Category.TAGS, "pages", in_pages),
    Check(Category.TAGS, "moves", moves),
    Check(Category.TAGS, "unknown", unknown),
    Check(Category.TAGS, "deletes", deletes),
)
