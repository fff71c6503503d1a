"""docs/nodes.md says what the code says."""

from __future__ import annotations

from typing import Any

import pytest

from dev.catalogue import PAGE, render, value_words
from engine.nodes.registry import node_types


def test_the_page_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == render(), "docs/nodes.md is older than the code; run: .venv/bin/python -m dev.catalogue"


def test_it_names_every_node_type_with_every_key() -> None:
    sections = {part.partition("`")[0]: part for part in render().split("### `")[1:]}
    assert sections == {name: sections[name] for name in node_types()}
    for name, kind in node_types().items():
        for field in kind.config.model_fields.values():
            assert f"| `{field.alias}` |" in sections[name]
            assert str(field.description).replace("|", "\\|") in sections[name]


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "field-path"}, "a path"),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "a time"),
        ({"type": "number", "ge": 0, "le": 3155760000.0}, "number 0 to 3155760000"),
        ({"type": "integer", "minimum": 1}, "whole number 1 to …"),
        ({"enum": ["add", "remove"], "type": "string"}, "`add`, `remove`"),
        ({"const": "x", "type": "string"}, "`x`"),
        ({"type": "array", "items": {"type": "string"}}, "a list of text"),
        ({"type": "array", "items": {"$ref": "#/$defs/Arm"}}, "a list of an object of `label`"),
        ({"type": "object"}, "an object"),
        ({}, "any value"),
    ],
)
def test_it_says_what_a_value_may_be(about: dict[str, Any], words: str) -> None:
    definitions = {"Arm": {"type": "object", "properties": {"label": {"type": "string"}}}}
    assert value_words(about, definitions) == words
