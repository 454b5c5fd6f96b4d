"""Lists that come in pages: the catalog, and the tags of a repository.

Sources: "Listing Tags" of the OCI distribution specification 1.1; "Listing Repositories" of distribution's
HTTP API V2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ducklake_registry.errors import InvalidAnswer, UsageError
from ducklake_registry.registry.link import next_link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ducklake_registry.registry._http import Call, Session
    from ducklake_registry.registry.answers import Answer

Name = TypeVar("Name", bound=str)

LIST_LIMIT = 64 * 1024 * 1024


def names(session: Session, call: Call, key: str, name: Callable[[str], Name]) -> Iterator[Name]:
    """Give every name of a list once, page after page, each page asked for when it is needed.

    Raises InvalidAnswer where the next page is on another host, or where pages bring nothing new.
    """
    seen: set[str] = set()
    url: str | None = call.url
    while url:
        answer = session.send(replace(call, url=url))
        page = _page(answer, key)
        fresh = [text for text in page if text not in seen]
        url = _next_url(session, answer)
        if url and not fresh:
            raise InvalidAnswer(f"the pages of {call.subject} have no end: {url} follows a page without news")
        seen.update(fresh)
        for text in fresh:
            yield _checked(text, name, call.subject)


def _page(answer: Answer, key: str) -> list[str]:
    """Read a page; `null` is an empty list to registries written in Go."""
    page = answer.json().get(key)
    if page is None:
        return []
    if not isinstance(page, list) or not all(isinstance(text, str) for text in page):
        raise InvalidAnswer(f"{answer.url} answered without a list of {key}")
    return page


def _next_url(session: Session, answer: Answer) -> str | None:
    link = next_link([answer.header("link")])
    if link is None:
        return None
    url = session.absolute(link, base=answer.url)
    if not session.is_home(url):
        raise InvalidAnswer(f"{session.endpoint.name} says that its list goes on at another host: {url}")
    return url


def _checked(text: str, name: Callable[[str], Name], subject: str) -> Name:
    try:
        return name(text)
    except UsageError as error:
        raise InvalidAnswer(f"{subject}: {error.message}") from error
