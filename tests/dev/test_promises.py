"""Each sentence of what is promised names a test that shows it, and that test is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adr" / "0004-what-is-promised.md"


def promises() -> list[str]:
    """The rows of the table, but for its head."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| ") and not line.startswith("| What")]


def names_of(tree: ast.AST, prefix: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{prefix}{node.name}"
        elif isinstance(node, ast.ClassDef):
            yield from names_of(node, f"{prefix}{node.name}::")


def test_there_are_promises() -> None:
    assert len(promises()) >= 10


@pytest.mark.parametrize("promise", promises(), ids=lambda row: row.split("|")[1].strip()[:60])
def test_a_promise_names_tests_that_are_there(promise: str) -> None:
    named = re.findall(r"`(tests/[^`]+)`", promise)
    assert named, f"this promise names no test: {promise}"
    for test in named:
        path, _, name = test.partition("::")
        found = set(names_of(ast.parse((ROOT / path).read_text(encoding="utf-8"))))
        assert name in found, f"{path} has no {name}; it has {', '.join(sorted(found))}"
