"""Writes docs/nodes.md, the page of every node type, out of the registry (`python -m dev.catalogue`).

The page says what the code says: names, keys and words come from each `NODE` and its Config. It knows no node type, and
a test fails where the page is older than the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from engine.nodes.base import (
    ANY_ERRORS,
    COMMAND_ERRORS,
    ERROR,
    ActionType,
    ConditionType,
    Errors,
    NodeType,
    TriggerType,
)
from engine.nodes.registry import node_types

PAGE: Final = Path(__file__).parent.parent / "docs" / "nodes.md"
HEADER: Final = """\
# Node types

Written by `python -m dev.catalogue` out of the code; change the code, not this page. Every text in the config of a
condition or an action may hold [templates](templates.md); what makes a whole flow valid: [validation](validation.md).
Each type is tested on a virtual clock and through Kafka, with each of its outcomes and errors (`tests/conformance`).
"""
_SECTIONS: Final = (
    ("trigger", "Triggers", "Start a flow. All keys that are given must match; without any, every event does."),
    ("condition", "Conditions", "Name an outcome; its edges are followed, else those without a label."),
    ("action", "Actions", "Do something, and go on along the edges without a label; where they fail, along `error`."),
)  # fmt: skip
_FORMATS: Final = {"field-path": "a path", "date-time": "a time"}
_KINDS: Final = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false"}


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page."""
    lines = [HEADER, f"Any condition or action fails with {_errors(ANY_ERRORS)}\n"]
    lines += [f"One that makes a command fails, beside those, with {_errors(COMMAND_ERRORS)}\n"]
    for kind, title, words in _SECTIONS:
        lines += [f"## {title}\n", f"{words}\n"]
        for node in node_types().values():
            if node.kind == kind:
                lines += _node(node)
    return "\n".join(lines)


def _node(node: NodeType) -> Iterator[str]:
    yield f"### `{node.name}` – {node.label}\n"
    yield f"{node.help}\n"
    if facts := list(_facts(node)):
        yield f"{' · '.join(facts)}\n"
    schema = node.config.model_json_schema(by_alias=True)
    if keys := schema.get("properties"):
        yield "| Key | Value | |\n|---|---|---|"
        definitions = schema.get("$defs", {})
        for key, about in keys.items():
            value = _with_default(about, definitions, required=key in schema.get("required", ()))
            yield f"| `{key}` | {value} | {_cell(about['description'])} |"
        yield ""
        yield f"Example: `{orjson.dumps(node.example).decode()}`\n"
    if not isinstance(node, TriggerType) and node.errors:
        yield f"Fails with {_errors(node.errors)}\n"


def _errors(errors: Errors) -> str:
    return " · ".join(f"`{code}`: {words}" for code, words in errors.items())


def _facts(node: NodeType) -> Iterator[str]:
    if isinstance(node, TriggerType):
        if node.subject_types:
            yield f"About a {' or '.join(node.subject_types)}"
        return
    if isinstance(node, ConditionType) and node.outcomes is not None:
        yield f"Outcomes as its config names them, and `{ERROR}`"
    elif node.ports:
        yield f"Outcomes {', '.join(f'`{port}`' for port in (*node.ports, ERROR))}"
    if isinstance(node, ActionType):
        yield f"Makes the command `{node.command}`" if node.command else "Makes no command"
        if not node.counts:
            yield "Counts as no action"


def _with_default(about: Mapping[str, Any], definitions: Mapping[str, Any], *, required: bool) -> str:
    words = value_words(about, definitions)
    if required:
        return f"{words}, **required**"
    default = about.get("default")
    return words if default is None else f"{words}, default `{orjson.dumps(default).decode()}`"


def value_words(about: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return what a JSON Schema lets a value be, in words.

    Args:
        about: the schema of the value.
        definitions: what it may refer to.
    """
    if "$ref" in about:
        about = definitions[about["$ref"].rpartition("/")[2]]
    if "anyOf" in about:
        others = [one for one in about["anyOf"] if one.get("type") != "null"]
        return " or ".join(value_words(one, definitions) for one in others)
    if "enum" in about or "const" in about:
        return ", ".join(f"`{choice}`" for choice in about.get("enum", (about.get("const"),)))
    kind = about.get("type")
    if kind == "array":
        return f"a list of {value_words(about.get('items', {}), definitions)}"
    if kind == "object":
        keys = ", ".join(f"`{key}`" for key in about.get("properties", ()))
        return f"an object of {keys}" if keys else "an object"
    if kind is None:
        return "any value"
    return _FORMATS.get(about.get("format", "")) or f"{_KINDS[kind]}{_bounds(about)}"


def _bounds(about: Mapping[str, Any]) -> str:
    # pydantic writes a bound that stands behind a validator under its own name.
    low, high = about.get("minimum", about.get("ge")), about.get("maximum", about.get("le"))
    if low is None and high is None:
        return ""
    return f" {'…' if low is None else f'{low:g}'} to {'…' if high is None else f'{high:.10g}'}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
