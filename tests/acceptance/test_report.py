"""The page of `--report` in a real browser: it shows what it should, complains of nothing and asks nobody."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.display.report import report_page
from tests.acceptance.test_command import run, surroundings
from tests.browser import browser, find_browser
from tests.unit.test_acceptance import FOUND
from tests.unit.test_report import HOSTILE, of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browser import Page
    from tests.registry.programs import RunningRegistry

__all__ = ["surroundings"]

pytestmark = pytest.mark.registry

# The relation of two colours' luminance (WCAG 2.2, 1.4.3) for each text that is directly in an element.
TOO_PALE = """
(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.body.querySelectorAll("*")]
    .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
    .map((node) => {
      const style = getComputedStyle(node);
      const text = light(rgb(node instanceof SVGElement ? style.fill : style.color));
      const page = light(behind(node));
      return [node.textContent.slice(0, 40), (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05)];
    })
    .filter(([, contrast]) => contrast < 4.5);
})()
"""
# Texts of a plot that lie on another.
OVERLAPS = """
[...document.querySelectorAll("svg.plot")].flatMap((plot) => {
  const boxes = [...plot.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], n) => boxes.slice(n + 1)
    .filter(([, b]) => a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
    .map(([two]) => [one, two]));
})
"""


@pytest.fixture(scope="module")
def program() -> str:
    found = find_browser()
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must look at the page, but there is no Chromium")
        pytest.skip("no Chromium here")
    return found


@pytest.fixture
def page(program: str, tmp_path: Path) -> Iterator[Page]:
    with browser(program, tmp_path) as page:
        yield page


def asked(page: Page, expression: str) -> Any:
    return json.loads(page.ask(f"JSON.stringify({expression})"))


def test_a_real_run_can_be_looked_at(
    newest: RunningRegistry, surroundings: dict[str, str], page: Page, tmp_path: Path
) -> None:
    earlier, file = tmp_path / "earlier.json", tmp_path / "report.html"
    words = ("--registry", newest.host)
    earlier.write_text(run(surroundings, *words, "--category", "performance", "-o", "json").stdout)
    limits = ("--max-p95", "10s", "--min-throughput", "1Gi", "--baseline", str(earlier))
    done = run(surroundings, *words, *limits, "--report", str(file), "-o", "json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)

    page.open(file.as_uri())

    assert page.complaints == []
    assert page.requests == [file.as_uri()]
    assert page.ask("document.contentType") == "text/html"
    assert page.ask("document.compatMode") == "CSS1Compat"
    shown = asked(page, '[...document.querySelectorAll("table.checks tbody tr")].map((e) => [e.id, e.className])')
    assert shown == [[f"{each['category']}-{each['name']}", each["verdict"]] for each in found["results"]]
    plots = asked(page, PLOTS)
    assert [each["title"] for each in plots] == [
        "Times of the answers, by kind of request",
        "Throughput of a blob of 64 MiB, up and down",
    ]
    assert all(each["width"] > 300 and each["height"] > 100 for each in plots)
    assert [each["drawn"] for each in plots] == [8 * (1 + 6), 2]
    for each in found["results"]:
        if "p95_seconds" in each["measured"]:
            assert f"{each['measured']['p95_seconds'] * 1000:.0f}"[0] in plots[0]["says"]
    for width in (400, 1280):
        page.resize(width)
        assert asked(page, "[document.documentElement.scrollWidth, innerWidth]") == [width, width]
        assert asked(page, OVERLAPS) == []
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        assert page.ask(TOO_PALE) == [], scheme
    page.prefer("dark", "print")
    assert page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


# What is drawn is what has an extent: bars, outlines and marks.
PLOTS = """
[...document.querySelectorAll("svg.plot")].map((plot) => ({
  title: plot.querySelector("title").textContent,
  says: plot.querySelector("desc").textContent,
  width: plot.getBoundingClientRect().width,
  height: plot.getBoundingClientRect().height,
  drawn: [...plot.querySelectorAll("rect, path, circle")].filter((each) => {
    const box = each.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  }).length,
}))
"""


def test_what_a_hostile_registry_says_stays_text(page: Page, tmp_path: Path) -> None:
    from dataclasses import replace

    file = tmp_path / "report.html"
    failed = replace(FOUND.results[1], evidence=HOSTILE + "x" * 2000, hint=HOSTILE)
    file.write_bytes(report_page(of(failed, *FOUND.results[2:], registry=HOSTILE, left_behind=(HOSTILE,))))

    page.resize(400)
    page.open(file.as_uri())

    assert page.complaints == []
    assert page.requests == [file.as_uri()]
    assert page.ask('document.querySelectorAll("script, img").length') == 0
    evidence = page.ask('document.querySelector("tr.failed .evidence").textContent')
    assert "<script>alert(1)</script><img src=//evil.test onerror=x>'\"&amp;{{ 7 * 7 }}" in evidence
    assert page.ask("document.documentElement.scrollWidth") == 400
