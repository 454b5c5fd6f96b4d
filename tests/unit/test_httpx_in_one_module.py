from __future__ import annotations

import re
from pathlib import Path

import ducklake_registry

SOURCE = Path(ducklake_registry.__file__).parent


def test_httpx_is_named_in_one_module_so_that_a_successor_may_replace_it() -> None:
    imports = re.compile(r"^\s*(import|from) httpx", re.MULTILINE)
    named = [path for path in SOURCE.rglob("*.py") if imports.search(path.read_text())]

    assert [str(path.relative_to(SOURCE)) for path in named] == ["registry/_http.py"]
