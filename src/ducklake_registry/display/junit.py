"""The results of an acceptance test as JUnit's XML, which CI systems read."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ducklake_registry.acceptance.results import Verdict
from ducklake_registry.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.acceptance.results import Acceptance, Result


def junit_document(found: Acceptance) -> bytes:
    """Return a suite for each category with a case for each check.

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
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(suite: ET.Element, result: Result) -> None:
    name = f"dlr.test-registry.{result.category}"
    case = ET.SubElement(suite, "testcase", classname=name, name=result.name, time=f"{result.seconds:.3f}")
    match result.verdict:
        case Verdict.PASSED:
            ET.SubElement(case, "system-out").text = printable(result.evidence)
        case Verdict.FAILED:
            failure = ET.SubElement(case, "failure", message=printable(result.evidence))
            failure.text = printable(result.hint or "")
        case Verdict.SKIPPED:
            ET.SubElement(case, "skipped", message=printable(result.evidence))
        case Verdict.UNSUPPORTED:
            ET.SubElement(case, "skipped", message=printable(f"unsupported: {result.evidence}"))


def _counts(results: Sequence[Result]) -> dict[str, str]:
    verdicts = [each.verdict for each in results]
    return {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAILED)),
        "errors": "0",
        "skipped": str(verdicts.count(Verdict.SKIPPED) + verdicts.count(Verdict.UNSUPPORTED)),
        "time": f"{sum(each.seconds for each in results):.3f}",
    }
