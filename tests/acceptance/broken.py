"""What is made wrong with a registry, for each check, by a proxy before a sound one."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from ducklake_registry.reference import Digest
from tests.acceptance.proxy import Reply, instead, on, remembering, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.proxy import Fault
    from tests.registry.faults import Request

RUN = "0123456789"
BROKEN = status(500, b'{"errors": [{"code": "UNKNOWN", "message": "out of order"}]}')
WEB_PAGE = status(200, b"<html>Welcome</html>", content_type="text/html")
BY_TAG = r"/manifests/[^:]+$"
BY_DIGEST = "/manifests/sha256:"


def without_last(key: str) -> Callable[[Reply], Reply]:
    return lambda reply: reply.with_json(lambda document: document | {key: document[key][:-1]})


def twice(key: str) -> Callable[[Reply], Reply]:
    return lambda reply: reply.with_json(lambda document: document | {key: document[key] + document[key][:1]})


def flipped(reply: Reply) -> Reply:
    return reply.but(bytes([reply.body[0] ^ 1]) + reply.body[1:]) if reply.body and reply.status == 200 else reply


def rewritten(reply: Reply) -> Reply:
    """As a registry does that keeps JSON instead of bytes."""
    return reply.with_json(lambda document: document)


def slow(seconds: float) -> Callable[[Reply], Reply]:
    def change(reply: Reply) -> Reply:
        time.sleep(seconds)
        return reply

    return change


def slow_in_a_crowd(seconds: float) -> Fault:
    """Answer who is alone as soon as the registry does, and who comes while others are waiting much later."""
    alone = threading.Lock()

    def fault(_: Request, go_on: Callable[[], Reply]) -> Reply:
        if alone.acquire(blocking=False):
            try:
                return go_on()
            finally:
                alone.release()
        time.sleep(seconds)
        return go_on()

    return fault


def after(number: int, method: str, path: str, reply: Reply) -> Fault:
    """Answer so many of these requests as the registry does, and all others not."""
    count, broken = itertools.count(), instead(method, path, reply)

    def fault(request: Request, go_on: Callable[[], Reply]) -> Reply:
        meant = re.fullmatch(method, request.method) and re.search(path, request.path)
        return broken(request, go_on) if meant and next(count) >= number else go_on()

    return fault


def tags_that_stay() -> Fault:
    """Store every manifest, but leave a tag where it was when it is pushed again."""
    seen: set[str] = set()

    def fault(request: Request, go_on: Callable[[], Reply]) -> Reply:
        if request.method == "PUT" and re.search(BY_TAG, request.path):
            if request.path in seen:
                request.path = f"{request.path.rpartition('/')[0]}/{Digest.of(request.body)}"
            seen.add(request.path)
        return go_on()

    return fault


Broken = tuple[str, str, "Fault", str]
"""A check, what is wrong, the fault that makes it so, and the words of the verdict."""


def faults() -> list[Broken]:
    """Return what is wrong for each check, anew each time: some faults remember what they have seen."""
    return [*_of_health_and_catalog(), *_of_tags(), *_of_images(), *_of_requests(), *_of_performance()]


def _of_health_and_catalog() -> list[Broken]:
    """What is wrong with the API itself and with the catalog."""
    return [
        ("health/api", "an error", instead("GET", "/v2/$", BROKEN), "answers 500"),
        (
            "health/api",
            "another API",
            on("GET", "/v2/$", lambda r: r.but(docker_distribution_api_version="v3")),
            "v3",
        ),
        ("health/api", "a web page", instead("GET", "/v2/$", WEB_PAGE), "missing"),
        ("catalog/lists", "an error", instead("GET", "_catalog", BROKEN), "answers 500"),
        (
            "catalog/lists",
            "a missing one",
            on("GET", "_catalog", without_last("repositories")),
            "1 of 3 .*missing",
        ),
        (
            "catalog/lists",
            "a wrong type",
            on("GET", "_catalog", lambda r: r.but(content_type="text/plain")),
            "text/plain",
        ),
        ("catalog/lists", "a web page", instead("GET", "_catalog$", WEB_PAGE), "text/html"),
        ("catalog/lists", "no such page", instead("GET", "_catalog", status(404)), "answers 404"),
        ("catalog/pages", "missing pages", on("GET", r"_catalog\?n", lambda r: r.but(link=None)), "missing"),
        ("catalog/pages", "one twice", on("GET", r"_catalog\?n=\d+$", twice("repositories")), "although 1 were"),
        (
            "catalog/pages",
            "no end",
            on("GET", r"_catalog\?n", lambda r: r.but(link='</v2/_catalog?n=1>; rel="next"')),
            "no end",
        ),
        (
            "catalog/pages",
            "another host",
            on("GET", r"_catalog\?n", lambda r: r.but(link='<http://evil.test/v2/_catalog>; rel="next"')),
            "another host",
        ),
    ]


def _of_tags() -> list[Broken]:
    """What is wrong with tags."""
    return [
        ("tags/lists", "an error", instead("GET", "tags/list", BROKEN), "answers 500"),
        ("tags/lists", "a missing tag", on("GET", "tags/list", without_last("tags")), "1 of 7 tags are missing"),
        ("tags/lists", "a tag twice", on("GET", "tags/list", twice("tags")), "come twice"),
        (
            "tags/lists",
            "another name",
            on("GET", "tags/list", lambda r: r.with_json(lambda document: document | {"name": "other"})),
            "of 'other'",
        ),
        (
            "tags/lists",
            "a wrong type",
            on("GET", "tags/list", lambda r: r.but(content_type="text/html")),
            "text/html",
        ),
        (
            "tags/pages",
            "missing pages",
            on("GET", r"tags/list\?n", lambda r: without_last("tags")(r).but(link=None)),
            "missing",
        ),
        ("tags/pages", "a tag twice", on("GET", r"tags/list\?n", twice("tags")), "twice"),
        ("tags/moves", "a stale GET", remembering("GET", BY_TAG), "is said to have sha256"),
        ("tags/moves", "a stale tag", tags_that_stay(), "is said to have sha256"),
        ("tags/moves", "a lost old one", after(0, "GET", BY_DIGEST, status(404)), "answers 404"),
        (
            "tags/unknown",
            "an empty list",
            instead("GET", "nowhere", status(200, b'{"tags": []}')),
            "answers 200, not 404",
        ),
        ("tags/unknown", "an error", instead("GET", "nowhere", BROKEN), "answers 500"),
        ("tags/unknown", "a web page", instead("GET", "nowhere", status(404, b"<html>")), "with no code"),
        (
            "tags/unknown",
            "another code",
            instead("GET", "nowhere", status(404, b'{"errors": [{"code": "DENIED"}]}')),
            "DENIED",
        ),
        ("tags/deletes", "a tag that stays", instead("DELETE", BY_TAG, status(202)), "still there"),
        ("tags/deletes", "a lost image", after(0, "GET", BY_DIGEST, status(404)), "answers 404"),
    ]


def _of_images() -> list[Broken]:
    """What is wrong with images and their parts as they are put and got."""
    return [
        ("images/image", "a changed blob", on("GET", "/blobs/", flipped), "other bytes"),
        ("images/image", "a lost blob", instead("GET", "/blobs/", status(404)), "answers 404"),
        (
            "images/image",
            "a wrong digest",
            on("GET", BY_TAG, lambda r: r.but(docker_content_digest="sha256:0")),
            "sha256:0",
        ),
        (
            "images/image",
            "no digest",
            on("HEAD", BY_TAG, lambda r: r.but(docker_content_digest=None)),
            "no digest",
        ),
        (
            "images/image",
            "a wrong type",
            on("GET", BY_DIGEST, lambda r: r.but(content_type="text/plain")),
            "text/plain",
        ),
        ("images/image", "JSON written anew", on("GET", "/manifests/", rewritten), "length|other bytes"),
        ("images/image", "a refused upload", instead("POST", "/uploads/", BROKEN), "500"),
        ("images/image", "a lost manifest", instead("PUT", BY_TAG, status(201)), "answers 404"),
        ("images/index", "a lost platform", after(1, "GET", BY_DIGEST, status(404)), "answers 404"),
        (
            "images/index",
            "a wrong type",
            on("GET", BY_TAG, lambda r: r.but(content_type="application/vnd.oci.image.manifest.v1+json")),
            "image.manifest",
        ),
    ]


def _of_requests() -> list[Broken]:
    """What is wrong with what else the API can do: mounts, ranges, referrers, deletion."""
    return [
        ("images/wrong-digest", "taken", instead("PUT", "/uploads/", status(201)), "a digest that is not its own"),
        ("images/wrong-digest", "an error", instead("PUT", "/uploads/", BROKEN), "500"),
        ("images/mount", "nothing there", instead("POST", "mount=", status(201)), "answers 404"),
        ("images/mount", "something else", on("GET", "mounted/blobs", flipped), "other bytes"),
        ("images/mount", "an error", instead("POST", "mount=", BROKEN), "500"),
        ("images/range", "other bytes", on("GET", "/blobs/", lambda r: r.but(b"01234567")), "other bytes"),
        (
            "images/range",
            "another range",
            on("GET", "/blobs/", lambda r: r.but(content_range="bytes 0-7/25")),
            "0-7",
        ),
        ("images/range", "an error", instead("GET", "/blobs/", BROKEN), "answers 500"),
        ("images/range", "another blob", instead("GET", "/blobs/", status(200, b"other")), "answers 200, not 206"),
        ("images/referrers", "a web page", instead("GET", "/referrers/", WEB_PAGE), "text/html"),
        ("images/referrers", "an error", instead("GET", "/referrers/", BROKEN), "answers 500"),
        (
            "images/referrers",
            "an empty list",
            instead(
                "GET",
                "/referrers/",
                status(200, b'{"manifests": []}', content_type="application/vnd.oci.image.index.v1+json"),
            ),
            "not among the 0",
        ),
        ("images/delete", "an image that stays", instead("DELETE", BY_DIGEST, status(202)), "still there"),
        ("images/delete", "a blob that stays", instead("DELETE", "/blobs/", status(202)), "still there"),
        (
            "images/delete",
            "a tag that stays",
            on("GET", "tags/list", lambda r: r.but(_still_listed(r), 200)),
            "is listed",
        ),
        ("images/delete", "an error", instead("DELETE", BY_DIGEST, BROKEN), "500"),
    ]


def _of_performance() -> list[Broken]:
    """What goes wrong in the midst of a measurement."""
    return [
        ("performance/ping-1", "an error", after(40, "GET", "/v2/$", BROKEN), "answers 500"),
        ("performance/ping-16", "an error", after(99, "GET", "/v2/$", BROKEN), "answers 500"),
        ("performance/tags-1", "an error", after(40, "GET", "tags/list", BROKEN), "answers 500"),
        ("performance/tags-16", "an error", after(99, "GET", "tags/list", BROKEN), "answers 500"),
        ("performance/manifest-head-1", "lost", after(40, "HEAD", BY_TAG, status(404)), "answers 404"),
        ("performance/manifest-head-16", "lost", after(99, "HEAD", BY_TAG, status(404)), "answers 404"),
        ("performance/manifest-get-1", "lost", after(40, "GET", BY_TAG, status(404)), "answers 404"),
        ("performance/manifest-get-16", "lost", after(99, "GET", BY_TAG, status(404)), "answers 404"),
        ("performance/push", "an error", instead("PATCH", "/uploads/", BROKEN), "500"),
        ("performance/pull", "a changed blob", on("GET", "/blobs/", flipped), "should be sha256"),
        ("performance/pull", "a lost blob", instead("GET", "/blobs/", status(404)), "not found|not there|404"),
        ("performance/pull", "an early end", on("GET", "/blobs/", lambda r: r.but(r.body[:-1])), "bytes"),
    ]


def _still_listed(reply: Reply) -> bytes:
    document: dict[str, Any] = json.loads(reply.body) if reply.status == 200 else {}
    return json.dumps({"tags": [*(document.get("tags") or []), f"{RUN}-deleted"]}).encode()


BROKEN_CHECKS = {check for check, _, _, _ in faults()}
