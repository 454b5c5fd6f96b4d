"""What makes the source pleasant to open: modules of at most 300 lines, functions of at most 60."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted((ROOT / "src").rglob("*.py"))
MODULES = [*PRODUCT, *sorted((ROOT / "tests").rglob("*.py"))]


def test_no_module_is_long() -> None:
    assert len(MODULES) > 300, "they are where they are looked for"
    assert [str(each) for each in MODULES if len(each.read_text().splitlines()) > 300] == []


def test_no_function_is_long() -> None:
    """Neither its parameters count, of which a command has one for each option, nor its docstring."""
    functions = [(path, each) for path in PRODUCT for each in ast.walk(ast.parse(path.read_text()))]
    long = [
        f"{path.name}: {each.name}"
        for path, each in functions
        if isinstance(each, ast.FunctionDef) and _lines(each) > 60
    ]
    assert long == []


def _lines(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0
