"""Lists as a registry gives them, page by page: nothing is put right on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ducklake_registry.acceptance import answers
from ducklake_registry.acceptance.check import CheckFailed, expect

if TYPE_CHECKING:
    from ducklake_registry.acceptance.context import Context

_MOST = 2000
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


@dataclass(frozen=True, slots=True)
class Paged:
    """A list that came in pages."""

    pages: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> list[str]:
        """All names in the order in which they came, each as often as it came."""
        return [name for page in self.pages for name in page]


def read(context: Context, path: str, key: str, scope: str, size: int | None = None) -> Paged:
    """Read a whole list, in pages of `size` if the registry does as it is asked.

    Raises CheckFailed where the pages have no end. Source: "Pagination" of distribution's HTTP API V2, "Listing
    Tags" of the OCI distribution specification.
    """
    pages: list[tuple[str, ...]] = []
    target = path if size is None else f"{path}?n={size}"
    asked: set[str] = set()
    while target:
        expect(target not in asked and len(asked) < _MOST, f"the pages of {path} have no end: {target} again")
        asked.add(target)
        answer = context.client.ask("GET", target, scope=scope)
        pages.append(tuple(answers.names(answer, key)))
        target = _next(answer.header("link"), context)
    return Paged(tuple(pages))


def each_once(paged: Paged, wanted: set[str], what: str) -> None:
    """Expect that nothing is missing or there twice."""
    found = paged.names
    twice = sorted({name for name in found if found.count(name) > 1})
    expect(not twice, f"{len(twice)} {what} come twice: {', '.join(twice[:3])}")
    missing = sorted(wanted - set(found))
    expect(
        not missing,
        f"{len(missing)} of {len(wanted)} {what} are missing from the {len(paged.pages)} pages: "
        + ", ".join(missing[:3]),
    )


def no_larger_than(paged: Paged, size: int) -> None:
    """Expect that no page has more names than were asked for."""
    largest = max(map(len, paged.pages))
    expect(largest <= size, f"a page has {largest} names, although {size} were asked for")


def _next(link: str, context: Context) -> str:
    if not link:
        return ""
    match = _NEXT.search(link)
    if match is None:
        raise CheckFailed(f"its Link leads nowhere: {link!r}")
    url = urlsplit(match[1])
    here = context.client.endpoint
    expect(not url.netloc or here.host == url.hostname, f"its Link leads to another host: {match[1]}")
    return f"{url.path}?{url.query}"
