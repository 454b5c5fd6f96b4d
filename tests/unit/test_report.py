"""The page and its plots, without a browser: what is on it, and that it stays a page."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from ducklake_registry.acceptance.check import Category
from ducklake_registry.acceptance.context import Limits
from ducklake_registry.acceptance.results import Acceptance, Result, Verdict
from ducklake_registry.display.plots import LogAxis, latency_plot, throughput_plot
from ducklake_registry.display.report import report_page
from tests.unit.test_acceptance import ENVIRONMENT, FOUND

VOID = {"meta", "br", "hr", "img", "link", "input"}
HOSTILE = (
    "<script>alert(1)</script><img src=//evil.test onerror=x>'\"&amp;{{ 7 * 7 }}\x00\x1b[31m\u202egnp.exe\ud800"
)


def measured(name: str, samples: tuple[float, ...], before: float | None = None) -> Result:
    numbers = {f"{each}_seconds": samples[-1] for each in ("p50", "p95", "p99")}
    return Result(
        Category.PERFORMANCE,
        name,
        Verdict.PASSED,
        0.1,
        "p50",
        None,
        numbers,
        dict.fromkeys(numbers, before) if before else {},
        samples,
    )


def speed(name: str, now: float, before: float | None = None) -> Result:
    numbers = {"bytes_per_second": now * 2**20}
    earlier = {"bytes_per_second": before * 2**20} if before else {}
    return Result(Category.PERFORMANCE, name, Verdict.PASSED, 0.1, "64 MiB", None, numbers, earlier)


def of(*results: Result, **others: Any) -> Acceptance:
    return replace(FOUND, results=results, **others)


class Outline(HTMLParser):
    """The elements of a page; each is closed again, or it is no page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page.decode())
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, name: str) -> list[str]:
        return [str(attributes[name]) for _, attributes in self.elements if name in attributes]


class TestPage:
    def test_has_the_verdict_each_check_and_where_it_was_made(self) -> None:
        page = Outline(report_page(FOUND))
        text = " ".join(page.text.split())
        assert "✗ localhost:5000 fails 1 of 5 checks" in text
        for each in FOUND.results:
            assert f"{each.category}-{each.name}" in page.attributes("id")
        for words in (
            "Hint: log in",
            "no pages",
            "an image: no answer",
            "distribution v3.1.2",
            "2026-01-02T00:00:00Z",
        ):
            assert words in text
        assert "A tag that is pushed again" not in text, "only what was asked"
        assert "It lists every tag that was pushed." in text

    def test_refers_to_nothing_outside_itself(self) -> None:
        page = Outline(report_page(FOUND))
        assert {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "base"} == set()
        assert [each for name in ("src", "srcset", "style", "data") for each in page.attributes(name)] == []
        assert {each[0] for each in page.attributes("href")} == {"#"}
        assert {each.removeprefix("#") for each in page.attributes("href")} <= set(page.attributes("id"))
        assert len(page.attributes("id")) == len(set(page.attributes("id")))

    def test_has_a_policy_that_allows_its_style_and_nothing_else(self) -> None:
        text = report_page(FOUND).decode()
        (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
        assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
        assert "url(" not in style
        assert "@import" not in style

    @pytest.mark.parametrize("where", ["evidence", "hint", "registry", "left_behind", "software", "baseline"])
    def test_shows_what_others_say_as_text(self, where: str) -> None:
        plainly, found = Outline(report_page(FOUND)), FOUND
        if where in {"evidence", "hint"}:
            hostile: dict[str, Any] = {where: HOSTILE}
            failed = replace(FOUND.results[1], **hostile)
            found = of(*FOUND.results[:1], failed, *FOUND.results[2:])
        elif where == "software":
            found = replace(FOUND, environment=replace(ENVIRONMENT, software=HOSTILE))
        else:
            changed: dict[str, Any] = {where: (HOSTILE,) if where == "left_behind" else HOSTILE}
            found = replace(FOUND, **changed)
        page = Outline(report_page(found))
        assert [tag for tag, _ in page.elements] == [tag for tag, _ in plainly.elements]
        assert "<script>alert(1)</script>" in page.text or where == "baseline"
        assert "{{ 7 * 7 }}" in page.text
        assert not set("\x00\x1b\u202e") & set(page.text)

    def test_says_so_when_all_is_well_or_nothing_was_asked(self) -> None:
        passed, *others = FOUND.results
        assert "✓ localhost:5000 passes" in " ".join(Outline(report_page(of(passed))).text.split())
        skipped = of(*(each for each in others if each.verdict is Verdict.SKIPPED))
        assert "was not tested: no check could be made" in Outline(report_page(skipped)).text

    def test_has_no_timings_where_nothing_was_measured(self) -> None:
        page = report_page(of(FOUND.results[0]))
        assert b"<svg" not in page
        assert b'id="timings"' not in page

    def test_shows_the_change_since_the_baseline(self) -> None:
        page = Outline(
            report_page(of(measured("tags-16", (0.01, 0.02), before=0.01), speed("push", 90, before=100)))
        )
        text = " ".join(page.text.split())
        assert "20 ms +100 %" in text
        assert "90 MiB/s -10 %" in text
        assert "compared with the run of 2026-01-01T00:00:00Z" in text


class TestLatencyPlot:
    def test_has_a_place_for_each_number(self) -> None:
        found = of(measured("ping-1", (0.001, 0.002)), measured("tags-16", (0.1, 0.2), before=0.15))
        plot = latency_plot(replace(found, limits=Limits(max_p95=0.05)))
        assert plot
        one, many = plot.tracks
        assert (one.label, one.crowd) == ("GET /v2/ · 1 in flight", False)
        assert one.figures == "p50 2.0 · p95 2.0 · p99 2.0 ms"
        assert (many.label, many.crowd) == ("GET tags/list · 16 in flight", True)
        assert plot.limit
        assert one.marks[0].x < plot.limit.x < many.earlier[0].x < many.marks[0].x
        assert plot.has_baseline
        assert plot.limit.label == "limit of p95: 50 ms"

    def test_is_none_without_samples(self) -> None:
        assert latency_plot(of(speed("push", 1))) is None

    @pytest.mark.parametrize("samples", [(0.001,), (0.002,) * 400, (0.0, 0.001), (1e-6, 100.0)])
    def test_takes_any_samples(self, samples: tuple[float, ...]) -> None:
        plot = latency_plot(of(measured("ping-1", samples)))
        assert plot
        numbers = [float(each) for each in re.findall(r"-?[\d.]+", plot.tracks[0].outline)]
        assert all(0 <= each <= 100 for each in numbers)
        assert min(numbers) == 0
        assert all(0 <= each.x <= 100 for each in (*plot.ticks, *plot.tracks[0].marks))

    @pytest.mark.parametrize(
        ("low", "high", "labels"),
        [
            (0.0009, 0.021, ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms"]),
            (0.0005, 1.1, ["1 ms", "3 ms", "10 ms", "30 ms", "100 ms", "300 ms", "1,000 ms"]),
            (0.0005, 8.0, ["1 ms", "10 ms", "100 ms", "1,000 ms", "10,000 ms"]),
            (0.0095, 0.35, ["10 ms", "20 ms", "50 ms", "100 ms", "200 ms"]),
        ],
    )
    def test_has_round_ticks(self, low: float, high: float, labels: list[str]) -> None:
        assert [each.label for each in LogAxis.around([low, high]).ticks()] == labels


class TestThroughputPlot:
    def test_begins_at_nothing_and_has_room(self) -> None:
        found = of(speed("push", 90, before=100), speed("pull", 200))
        plot = throughput_plot(replace(found, limits=Limits(min_throughput=50 * 2**20)))
        assert plot
        assert [each.label for each in plot.ticks] == ["0", "60", "120", "180", "240"]
        push, pull = plot.bars
        assert (push.length, push.figures) == (37.5, "90 MiB/s")
        assert push.earlier
        assert push.earlier.x > push.length
        assert pull.earlier is None
        assert plot.limit
        assert plot.limit.label == "limit: 50 MiB/s"

    @pytest.mark.parametrize("value", [0.001, 0.7, 1, 99, 101, 1023, 5000])
    def test_takes_any_speed(self, value: float) -> None:
        plot = throughput_plot(of(speed("push", value)))
        assert plot
        assert 0 < plot.bars[0].length < 100
