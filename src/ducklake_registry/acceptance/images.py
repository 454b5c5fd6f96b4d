"""Image operations: what is pushed comes back, byte for byte, and goes away when it is deleted."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from ducklake_registry.acceptance import answers, content, inside
from ducklake_registry.acceptance.check import Category, Check, CheckFailed, Evidence, NotSupported, expect
from ducklake_registry.acceptance.context import IMAGES, MOUNTED
from ducklake_registry.acceptance.journal import Kind, Trace
from ducklake_registry.errors import DigestMismatch, NotFound
from ducklake_registry.oci import Descriptor, media_types
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.oci import Index, Manifest

_ACCEPT = {"Accept": media_types.ACCEPT_MANIFESTS}


def image(context: Context) -> Evidence:
    """An image comes back as it was pushed, by its tag and by its digest."""
    repository, tag = IMAGES, context.tag("image")
    generated = content.image(context.text("image"))
    context.push(repository, generated, tag)
    _names(context, repository, tag, generated.manifest)
    comes_back(context, repository, generated.manifest)
    size = sum(map(len, generated.blobs)) + len(generated.manifest.raw)
    return Evidence(f"manifest and {len(generated.blobs)} blobs, {size:,} bytes, the same")


def index(context: Context) -> Evidence:
    """An index and the images of its platforms come back as they were pushed."""
    repository, tag = IMAGES, context.tag("index")
    generated = content.index(context.text("index"))
    context.push_index(repository, generated, tag)
    _names(context, repository, tag, generated.index)
    for each in generated.images:
        comes_back(context, repository, each.manifest)
    platforms = " and ".join(str(each.platform) for each in generated.images)
    return Evidence(f"an index of {platforms}, the same")


def wrong_digest(context: Context) -> Evidence:
    """Content that is not what its digest names is refused. Source: "Pushing blobs", `DIGEST_INVALID`."""
    repository = IMAGES
    claimed = Digest.of(context.text("what it is said to be").encode())
    context.will_have_blob(repository, claimed)
    try:
        context.client.upload_blob(repository, context.text("what it is").encode(), claimed)
    except DigestMismatch:
        return Evidence("a blob under another blob's digest is refused")
    raise CheckFailed("it takes content under a digest that is not its own")


def mount(context: Context) -> Evidence:
    """A blob can be had from another repository. Source: "Mounting a blob from another repository"."""
    source, target = IMAGES, MOUNTED
    blob = context.text("mounted").encode()
    digest = Digest.of(blob)
    context.push_blob(source, blob)
    context.will_have_blob(target, digest)
    try:
        context.client.mount_blob(target, digest, source)
    except NotFound as error:
        raise NotSupported("it wants the blob to be sent instead, as the specification allows") from error
    _blob(context, target, digest, blob)
    return Evidence(f"a blob of {source} is in {target} without being sent")


def part(context: Context) -> Evidence:
    """A part of a blob can be had. Source: RFC 9110, section 14; "Pulling blobs"."""
    repository, blob = IMAGES, context.text("a part of this").encode()
    context.push_blob(repository, blob)
    first, last = 2, 9
    answer = context.ask("GET", repository, f"blobs/{Digest.of(blob)}", {"Range": f"bytes={first}-{last}"})
    if answer.status == HTTPStatus.OK and answer.body == blob:
        raise NotSupported("it sends the whole blob where a part is asked for")
    answers.status(answer, HTTPStatus.PARTIAL_CONTENT)
    said, wanted = answer.header("content-range"), f"bytes {first}-{last}/{len(blob)}"
    expect(said == wanted, f"it says that it sends {said or 'no range'}, not {wanted}")
    expect(answer.body == blob[first : last + 1], "it sends other bytes than those that were asked for")
    return Evidence(f"206 with {said}")


def referrers(context: Context) -> Evidence:
    """What refers to an image is listed. Source: "Listing Referrers"."""
    repository = IMAGES
    subject = context.push_new(repository, "referred to")
    attached = content.attachment(subject.descriptor, context.text("refers"))
    for blob in attached.blobs:
        context.push_blob(repository, blob)
    _put_as_it_is(context, repository, attached.manifest)
    answer = context.ask("GET", repository, f"referrers/{subject.digest}")
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        raise NotSupported("it has no list of referrers; clients keep it under a tag instead")
    answers.status(answer, HTTPStatus.OK)
    kind = media_types.bare(answer.header("content-type"))
    expect(kind == media_types.OCI_INDEX, f"the list is said to be {kind or 'of no type'}")
    found = [Descriptor.from_json(each).digest for each in answer.objects("manifests")]
    expect(attached.manifest.digest in found, f"{attached.manifest.digest} is not among the {len(found)} listed")
    return Evidence(f"an artifact that was attached is among {len(found)}")


def delete(context: Context) -> Evidence:
    """An image that is deleted by its digest is gone, with its tag. Source: "Deleting manifests"."""
    repository, tag = IMAGES, context.tag("deleted")
    image = context.push_new(repository, "deleted", tag)
    context.client.delete_manifest(repository, image.digest)
    for reference in (image.digest, tag):
        for method in ("HEAD", "GET"):
            answers.gone(context.ask(method, repository, f"manifests/{reference}", _ACCEPT), reference)
    listed = context.ask("GET", repository, "tags/list")
    expect(listed.status == HTTPStatus.NOT_FOUND or tag not in answers.names(listed, "tags"), f"{tag} is listed")
    layer = image.layers[0].digest
    context.client.delete_blob(repository, layer)
    answers.gone(context.ask("HEAD", repository, f"blobs/{layer}"), f"the blob {layer}")
    return Evidence("404 for its digest, its tag and its layer; the tag is not listed")


def comes_back(context: Context, repository: str, wanted: Manifest) -> None:
    """Expect that an image's manifest and blobs are what their digests name."""
    answers.manifest(context.ask("GET", repository, f"manifests/{wanted.digest}", _ACCEPT), wanted)
    for blob in wanted.blobs:
        answer = context.ask("GET", repository, f"blobs/{blob.digest}")
        answers.status(answer, HTTPStatus.OK)
        expect(Digest.of(answer.body) == blob.digest, f"the blob {blob.digest} has other bytes than were pushed")
        length = context.ask("HEAD", repository, f"blobs/{blob.digest}").header("content-length")
        expect(
            length == str(blob.size),
            f"the blob {blob.digest} is said to be {length or '?'} bytes, not {blob.size}",
        )


def _names(context: Context, repository: str, tag: str, wanted: Manifest | Index) -> None:
    """Expect that a tag and a digest lead to a manifest."""
    for reference in (tag, wanted.digest):
        for method in ("HEAD", "GET"):
            answers.manifest(context.ask(method, repository, f"manifests/{reference}", _ACCEPT), wanted)


def _blob(context: Context, repository: str, digest: Digest, wanted: bytes) -> None:
    answer = context.ask("GET", repository, f"blobs/{digest}")
    answers.status(answer, HTTPStatus.OK)
    expect(answer.body == wanted, f"the blob {digest} has other bytes than were pushed")


def _put_as_it_is(context: Context, repository: str, manifest: Manifest) -> None:
    """Put a manifest without the stand-in for the list of referrers that the client would make."""
    path = f"/v2/{repository}/manifests/{manifest.digest}"
    context.will_have(Trace(Kind.MANIFEST, repository, manifest.digest))
    headers = {"Content-Type": manifest.media_type}
    scope = f"repository:{repository}:pull,push"
    answers.status(
        context.client.ask("PUT", path, scope=scope, headers=headers, body=manifest.raw), HTTPStatus.CREATED
    )


CHECKS = (
    Check(Category.IMAGES, "image", image),
    Check(Category.IMAGES, "index", index),
    Check(Category.IMAGES, "wrong-digest", wrong_digest),
    Check(Category.IMAGES, "mount", mount),
    Check(Category.IMAGES, "range", part),
    Check(Category.IMAGES, "referrers", referrers),
    Check(Category.IMAGES, "delete", delete),
    Check(Category.IMAGES, "engine", inside.engine),
    Check(Category.IMAGES, "pod", inside.pod),
)
