"""The results of an acceptance test as JUnit's XML, which CI systems read."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ducklake_registry.acceptance.results import Acceptance, Result


def write_junit(found: Acceptance, file: Path) -> None:
    """Write a suite for each category and a case for each check; raises UsageError if the file cannot be.

    Source: the schema "jenkins-junit.xsd" of the xUnit plugin. It knows no verdict but passed, failed and
    skipped: what is unsupported is skipped, with that word in its message.
    """
    root = ET.Element("testsuites", {"name": f"dlr test-registry {found.registry}"} | _counts(found.results))
    for category, results in groupby(found.results, key=lambda each: each.category):
        group = list(results)
        suite = ET.SubElement(root, "testsuite", {"name": str(category)} | _counts(group))
        suite.set("timestamp", found.started.strftime("%Y-%m-%dT%H:%M:%S"))
        for each in group:
            _case(suite, each)
    ET.indent(root)
    try:
        ET.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error


def _case(suite: ET.Element, result: Result) -> None:
    name = f"dlr.test-registry.{result.category}"
    case = ET.SubElement(suite, "testcase", classname=name, name=result.name, time=f"{result.seconds:.3f}")
    match result.verdict:
        case Verdict.PASSED:
            ET.SubElement(case, "system-out").text = _text(result.evidence)
        case Verdict.FAILED:
            failure = ET.SubElement(case, "failure", message=_text(result.evidence))
            failure.text = _text(result.hint or "")
        case Verdict.SKIPPED:
            ET.SubElement(case, "skipped", message=_text(result.evidence))
        case Verdict.UNSUPPORTED:
            ET.SubElement(case, "skipped", message=_text(f"unsupported: {result.evidence}"))


def _counts(results: Sequence[Result]) -> dict[str, str]:
    verdicts = [each.verdict for each in results]
    return {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAILED)),
        "errors": "0",
        "skipped": str(verdicts.count(Verdict.SKIPPED) + verdicts.count(Verdict.UNSUPPORTED)),
        "time": f"{sum(each.seconds for each in results):.3f}",
    }


def _text(text: str) -> str:
    """Leave out what XML cannot carry; a registry may have answered anything."""
    return "".join(
        each for each in text if each in "\t\n\r" or " " <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd"
    )
