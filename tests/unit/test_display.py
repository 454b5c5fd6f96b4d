"""What people and machines see."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.display import terminal as terminal_module
from ducklake_registry.display.terminal import Terminal
from ducklake_registry.errors import ClusterError, DlrError
from ducklake_registry.step import Step

if TYPE_CHECKING:
    from ducklake_registry.step import Report


def done(outcome: str) -> Step:
    return Step(f"Do {outcome}", lambda _report: outcome)


def failing(error: BaseException) -> Step:
    def run(_report: Report) -> str:
        raise error

    return Step("Do it", run)


# --- progress, where lines stay


def test_each_step_is_a_line_with_outcome_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().run([done("unchanged"), done("created")])
    out, err = capsys.readouterr()
    assert out == "", "stdout is for results"
    assert err == "✓ Do unchanged: unchanged (0s)\n✓ Do created: created (0s)\n"


def test_piped_lines_have_no_colours_and_are_not_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    Terminal().run([done("a long outcome " * 10)])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("\n") == 1


def test_markup_in_text_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(verbose=True)
    terminal.run([done("[red]x[/red]")])
    terminal.note("[bold]note")
    terminal.detail("[/]")
    terminal.error(DlrError("[a]", hint="[b]", details=("[c]",)))
    err = capsys.readouterr().err
    assert all(each in err for each in ("[red]x[/red]", "[bold]note", "[/]", "[a]", "[b]", "[c]"))


@pytest.mark.parametrize(
    ("error", "word"),
    [(ClusterError("no"), "failed"), (KeyboardInterrupt(), "interrupted"), (SystemExit(143), "interrupted")],
)
def test_a_failure_is_marked_and_ends_the_run(
    error: BaseException, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(error)):
        Terminal().run([done("first"), failing(error), done("never")])
    err = capsys.readouterr().err
    assert f"✗ Do it: {word} (0s)\n" in err
    assert "never" not in err


def test_quiet_tells_nothing_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(quiet=True)
    terminal.run([done("created")])
    terminal.note("note")
    terminal.once("once")
    terminal.show("picture")
    with pytest.raises(ClusterError):
        terminal.run([failing(ClusterError("no"))])
    assert capsys.readouterr().err == ""
    terminal.error(ClusterError("no"))
    assert capsys.readouterr().err == "error: no\n"


def test_what_is_waited_for_is_written_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal_module, "_QUIET_SECONDS", 0.0)

    def run(report: Report) -> str:
        for text in ("one", "one", "two"):
            report(text)
        return "ready"

    Terminal().run([Step("Wait", run)])
    assert capsys.readouterr().err == "… Wait: one\n… Wait: two\n✓ Wait: ready (0s)\n"


def test_a_short_wait_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def run(report: Report) -> str:
        report("something")
        return "ready"

    Terminal().run([Step("Wait", run)])
    assert capsys.readouterr().err == "✓ Wait: ready (0s)\n"


def test_details_are_for_verbose_only(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().detail("hidden")
    Terminal(verbose=True).detail("shown")
    assert capsys.readouterr().err == "shown\n"


def test_once_is_once(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    for text in ("a", "a", "b", "b"):
        terminal.once(text)
    assert capsys.readouterr().err == "a\nb\n"


def test_an_error_has_its_evidence_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().error(DlrError("it broke", hint="mend it", details=("event: one", "log: two")))
    assert capsys.readouterr().err == "error: it broke\n  event: one\n  log: two\nhint: mend it\n"


@pytest.mark.parametrize(
    ("typed", "answer"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_yes_is_a_yes(
    typed: str, answer: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert Terminal().ask("Delete?") is answer
    assert capsys.readouterr() == ("", "Delete? [y/N] ")
