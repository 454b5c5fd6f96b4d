"""What the pages say: links lead somewhere, commands can be typed, no page is out of reach."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
import yaml

from ducklake_registry.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bootstrap/*.md"), *ROOT.glob("examples/**/*.md")]
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4}.*\n)+", re.MULTILINE)
# What stands for something that the reader knows.
_PLACEHOLDER = re.compile(r"[…<>]|\.\.\.")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> Iterator[str]:
    for target in _LINK.findall(_BLOCK.sub("", page.read_text("utf-8"))):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    found: Counter[str] = Counter()
    slugs = set()
    for heading in re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        slugs.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return slugs


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        if not place.exists() or (anchor and place.suffix == ".md" and anchor not in anchors(place)):
            broken.append(target)
    assert not broken


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        found = ((page.parent / target.partition("#")[0]).resolve() for target in links(page))
        todo += [each for each in found if each.suffix == ".md" and each.exists() and each not in reached]
    assert [named(page) for page in PAGES if page not in reached] == []


def commands(page: Path) -> Iterator[str]:
    """The command lines of a page that run `dlr`."""
    text = page.read_text("utf-8")
    blocks = [body for kind, body in _BLOCK.findall(text) if kind in {"", "bash", "sh", "console"}]
    for block in [*blocks, *_INDENTED.findall(_BLOCK.sub("", text))]:
        for line in block.replace("\\\n", " ").splitlines():
            words = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if words.startswith("dlr "):
                yield re.split(r"\s[|>#]|&&|;", words)[0].strip()


@pytest.mark.parametrize("page", [each for each in PAGES if any(commands(each))], ids=named)
def test_every_command_can_be_typed(page: Path) -> None:
    """With the options that it has; what it would do is not asked for here."""
    group: Any = typer.main.get_command(app)
    refused = []
    for line in commands(page):
        if _PLACEHOLDER.search(line):
            continue
        name, *words = shlex.split(line)[1:]
        if name.startswith("-"):
            continue
        try:
            group.commands[name].make_context(name, words)
        except KeyError:
            refused.append(f"{line}: no such command")
        except Exception as error:  # noqa: BLE001 - whatever typer refuses it by
            refused.append(f"{line}: {error!r}")
    assert not refused


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_is_to_be_copied_can_be_read(page: Path) -> None:
    for kind, body in _BLOCK.findall(page.read_text("utf-8")):
        if kind == "toml":
            tomllib.loads(body)
        elif kind in {"yaml", "yml"} and not _PLACEHOLDER.search(body):
            list(yaml.safe_load_all(body))
