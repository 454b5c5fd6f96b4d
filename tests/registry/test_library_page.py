"""The examples of docs/library.md do what they say, against a real registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ducklake_registry.registry import RegistryClient
from tests.registry import programs
from tests.registry.images import push_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.registry.programs import RunningRegistry

pytestmark = pytest.mark.registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningRegistry]:
    with programs.running("3.1", tmp_path) as registry:
        yield registry


def test_the_examples(own: RunningRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    with own.client() as client:
        index, manifests = push_index(client, "team/app", "v1")
    said = []
    for example in EXAMPLES:
        exec(compile(example.replace("localhost:5000", own.host), str(PAGE), "exec"), {})
        said.append(capsys.readouterr().out)

    looked, changed, failed = said
    assert "team/app ['v1']" in looked
    assert f"{manifests[0].digest} {manifests[0].layers[0].size} bytes" in looked
    assert f"team/app v1 {index.digest}" in looked
    assert changed.splitlines()[-1] == "9"
    assert "team/app:v404" in failed
    assert " - " in failed
    with own.client() as client:
        assert client.tags("team/notes") == [], "deleted at the end"


def test_what_the_page_names_is_there() -> None:
    for name in ("tags_of", "manifests_of", "small_blobs_of", "referrers"):
        assert name in PAGE.read_text()
        assert callable(getattr(RegistryClient, name))
