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

    from ducklake_registry.registry._http import Session
    from ducklake_registry.registry.answers import Answer
    from ducklake_registry.registry.call import Call

Name = TypeVar("Name", bound=str)


def pages(session: Session, call: Call) -> Iterator[Answer]:
    """Give the pages of a list, each asked for when it is needed.

    Raises InvalidAnswer where the next page is on another host, or is one that was there before.
    """
    visited: set[str] = set()
    url: str | None = call.url
    while url:
        answer = session.send(replace(call, url=url))
        visited |= {url, answer.url}
        yield answer
        url = _next_url(session, answer)
        if url in visited:
            raise _endless(call, url)


def names(session: Session, call: Call, key: str, name: Callable[[str], Name]) -> Iterator[Name]:
    """Give every name of a list once; raises InvalidAnswer as `pages` does, or where a page has no news."""
    seen: set[str] = set()
    stale = False
    for answer in pages(session, call):
        if stale:
            raise _endless(call, answer.url)
        fresh = [text for text in answer.texts(key) if text not in seen]
        stale = not fresh
        seen.update(fresh)
        for text in fresh:
            yield _checked(text, name, call.subject)


def names_in(call: Call, answer: Answer, key: str, name: Callable[[str], Name]) -> Iterator[Name]:
    """Give the names of a list that has come in one page. Raises InvalidAnswer."""
    for text in dict.fromkeys(answer.texts(key)):
        yield _checked(text, name, call.subject)


def _endless(call: Call, url: str) -> InvalidAnswer:
    return InvalidAnswer(f"{call.subject} has no end: its pages go on at {url} without bringing any news")


def _next_url(session: Session, answer: Answer) -> str | None:
    link = next_link([answer.header("link")])
    if link is None:
        return None
    url = session.onward(link, answer.url)
    if not session.is_home(url):
        raise InvalidAnswer(f"{session.endpoint.name} says that its list goes on at another host: {url}")
    return url


def _checked(text: str, name: Callable[[str], Name], subject: str) -> Name:
    try:
        return name(text)
    except UsageError as error:
        raise InvalidAnswer(f"{subject}: {error.message}") from error
