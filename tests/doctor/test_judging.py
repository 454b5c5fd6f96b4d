"""How links are judged, and when they ask for what they need."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from ducklake_registry.doctor import address, runner
from ducklake_registry.doctor.finding import Finding, Look, Severity, State, not_applicable, sound
from ducklake_registry.doctor.link import Link
from ducklake_registry.errors import AccessDenied, ClusterError, DlrError, EngineError, UsageError
from tests.doctor.conftest import NoEngine
from tests.doctor.patients import Unused, patient

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient


def judged(*looks: Look | DlrError) -> tuple[dict[str, State], tuple[Finding, ...]]:
    """Judge links that hang each on the one before it, but for the last, which hangs on none."""
    names = [f"{number}" for number in range(len(looks))]

    def examine(look: Look | DlrError) -> Any:
        def run(_: Patient) -> Look:
            if isinstance(look, DlrError):
                raise look
            return look

        return run

    links = [
        Link(name, examine(look), (names[number - 1],) if 0 < number < len(looks) - 1 else ())
        for number, (name, look) in enumerate(zip(names, looks, strict=True))
    ]
    seen = [runner._seen(link, patient()) for link in links]
    examined, findings = runner.judge(links, seen)
    return {each.link: each.state for each in examined}, findings


BROKEN = sound("", Finding("seen", "means", "repair"))


def test_the_first_break_explains_the_later_ones() -> None:
    states, findings = judged(sound("fine"), BROKEN, not_applicable("no"), ClusterError("away"), BROKEN, BROKEN)
    assert list(states.values()) == ["sound", "broken", "not applicable", "follows", "follows", "broken"]
    assert [each.follows_from for each in findings] == [None, "1", None]


def test_what_is_independent_is_broken_all_the_same() -> None:
    alone = sound("", Finding("seen", "means", "repair", independent=True))
    states, findings = judged(BROKEN, alone, sound("fine"))
    assert list(states.values()) == ["broken", "broken", "sound"]
    assert [each.follows_from for each in findings] == [None, None]


def test_warnings_and_what_cannot_be_seen_break_nothing() -> None:
    warned = sound("", Finding("seen", "means", "repair", Severity.WARNING))
    states, _ = judged(warned, AccessDenied("no right"), sound("fine"), sound("fine"))
    assert list(states.values()) == ["warning", "unknown", "sound", "sound"]


def test_bad_input_is_no_finding() -> None:
    with pytest.raises(UsageError):
        judged(UsageError("no such context"), sound("fine"))


def test_a_fact_is_asked_once_and_its_error_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[NoEngine] = []

    def version(engine: NoEngine) -> str:
        asked.append(engine)
        raise EngineError("away")

    monkeypatch.setattr(Unused, "version", version)
    made = patient()
    for _ in range(2):
        with pytest.raises(EngineError):
            _ = made.engine_version
    assert asked == [made.case.engine]


def test_the_engine_is_asked_only_once_it_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that its library may be half loaded: two threads at it have ended in a traceback."""
    monkeypatch.setattr(Unused, "version", NoEngine.version)
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = patient(f"localhost:{server.getsockname()[1]}")
        with pytest.raises(EngineError):
            _ = made.engine
        assert address.host_port(made).findings == (), "whose port it is cannot be asked"
