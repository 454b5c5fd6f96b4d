"""How a checkup looks to people, and what it is to machines."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from ducklake_registry.display.doctor import checkup_picture
from ducklake_registry.display.output import plain
from ducklake_registry.doctor.finding import Checkup, Examined, Finding, Remedy, Severity, State

LONG = "a configuration that is " + "very " * 20 + "long"
FINDINGS = (
    Finding(LONG, "it differs", "dlr deploy-registry", Severity.WARNING, link="configuration"),
    Finding("it crashes", LONG, "dlr deploy-registry", remedy=Remedy.DEPLOY_REGISTRY, link="pod"),
    Finding("nobody is there", "no pod", "dlr registry-status", link="service", follows_from="pod"),
)
CHECKUP = Checkup(
    healthy=False,
    verdict="broken at pod: it crashes",
    broken_at="pod",
    registry="localhost:5000",
    context="kind-ducklake-cluster",
    namespace="storage",
    seen=datetime(2026, 11, 25, 9, 0, tzinfo=UTC),
    seconds=1.25,
    links=(
        Examined("claim", State.UNKNOWN, "not allowed", 0.1),
        Examined("configuration", State.WARNING, LONG, 0.2),
        Examined("pod", State.BROKEN, "it crashes", 0.3),
        Examined("service", State.FOLLOWS, "nobody is there", 0.3, "pod"),
        Examined("tls", State.NOT_APPLICABLE, "plain HTTP", 0.0),
        Examined("client", State.SOUND, "nothing in the way", 0.1),
    ),
    findings=FINDINGS,
)


def pictured(width: int) -> list[str]:
    screen = Console(width=width, file=StringIO(), force_terminal=False)
    screen.print(checkup_picture(CHECKUP))
    assert isinstance(screen.file, StringIO)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


def test_each_link_has_one_line_with_a_mark_and_words() -> None:
    chain = pictured(80)[1:7]
    assert [line.split()[:2] for line in chain] == [
        ["?", "claim"],
        ["!", "configuration"],
        ["✗", "pod"],
        ["↳", "service"],
        ["–", "tls"],  # noqa: RUF001
        ["✓", "client"],
    ]
    assert chain[0].endswith("cannot be seen: not allowed")
    assert chain[2].endswith("BROKEN: it crashes")
    assert chain[3].endswith("follows from pod")


def test_what_breaks_comes_before_warnings_and_nothing_is_cut() -> None:
    lines = pictured(60)
    assert max(map(len, lines)) <= 60
    below = " ".join(" ".join(lines).partition("nothing in the way")[2].split())
    assert below.startswith("✗ pod the first broken link seen it crashes means a configuration that is very")
    assert below.index("✗ pod") < below.index("! configuration") < below.index("What follows from that")
    assert below.count(LONG) == 2
    assert "dlr doctor --fix does that" in below
    assert below.endswith("✗ broken at pod: it crashes")


def test_machines_get_the_same_as_plain_data() -> None:
    content = plain(CHECKUP)
    assert content["seen"] == "2026-11-25T09:00:00Z"
    assert content["links"][3] == {
        "link": "service",
        "state": "follows",
        "said": "nobody is there",
        "seconds": 0.3,
        "follows_from": "pod",
    }
    assert content["findings"][1]["remedy"] == "deploy the registry again"
    assert content["findings"][2]["follows_from"] == "pod"
