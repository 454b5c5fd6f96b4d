"""Catalog: the list of all repositories. It is distribution's own, and no part of the OCI specification."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING

from ducklake_registry.acceptance import pages
from ducklake_registry.acceptance.check import Category, Check, CheckSkipped, Evidence, NotSupported
from ducklake_registry.acceptance.context import REPOSITORIES

if TYPE_CHECKING:
    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.acceptance.pages import Paged

_PAGES = 5


def lists(context: Context) -> Evidence:
    """It lists the repositories that something was put into."""
    wanted = _filled(context)
    found = _read(context)
    pages.each_once(found, wanted, "repositories")
    return Evidence(f"{len(wanted)} of {len(wanted)} new repositories among {len(found.names)}")


def in_pages(context: Context) -> Evidence:
    """Small pages give every repository, and each once."""
    wanted, before = _filled(context), _read(context)
    size = math.ceil(len(before.names) / _PAGES)
    paged = _read(context, size)
    # Others may add repositories meanwhile, or remove some: what was there before and after must be in between.
    after = _read(context)
    pages.no_larger_than(paged, size)
    pages.each_once(paged, wanted | set(before.names) & set(after.names), "repositories")
    return Evidence(f"{len(paged.names)} repositories in {len(paged.pages)} pages of {size}, each once")


def _filled(context: Context) -> set[str]:
    """Put something into the repositories that are to be listed, and return their names."""
    _must_have_one(context)
    for each in REPOSITORIES:
        context.push_new(each, each, context.tag("listed"))
    return set(REPOSITORIES)


def _must_have_one(context: Context) -> None:
    answer = context.client.ask("GET", "/v2/_catalog?n=1", scope="registry:catalog:*")
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise CheckSkipped(f"status {answer.status}: the login at hand may not see the catalog")
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED or (
        answer.status == HTTPStatus.NOT_FOUND and b"UNSUPPORTED" in answer.body
    ):
        raise NotSupported("the registry has no catalog, which the OCI specification does not ask for")


def _read(context: Context, size: int | None = None) -> Paged:
    return pages.read(context, "/v2/_catalog", "repositories", "registry:catalog:*", size)


CHECKS = (
    Check(Category.CATALOG, "lists", lists),
    Check(Category.CATALOG, "pages", in_pages),
)
