"""What is written as YAML is read back the same, by our reader and by PyYAML's, and is pleasant to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cli.flow_yaml import read_yaml
from cli.flow_yaml_text import write_yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))

# What a flow may hold: no U+0000 and no half surrogate pairs (engine.json_shape).
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.sampled_from(["no", "on", "y", "true", "null", "~", "21:00", "2026-01-01", "1e3", "0x1", "010", "=", "<<", ""])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20
)


def same(left: Any, right: Any) -> bool:
    """Equal as JSON, where 1 is neither true nor 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(JSON)
def test_everything_is_read_back_as_it_was_by_both_readers(value: Any) -> None:
    text = write_yaml(value)
    assert same(read_yaml(text), value)
    assert same(yaml.safe_load(text), value)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_read_back_as_they_were(example: Path) -> None:
    value = read_yaml(example.read_text())
    assert same(read_yaml(write_yaml(value)), value)


def test_it_looks_as_a_person_would_write_it() -> None:
    flow = {
        "flow": {"name": "Später: ein Gruß", "userId": "u", "workspaceId": None},
        "nodes": [
            {"ref": "a", "type": "action", "config": {"body": "Hi {{ contact.name }},\n\nbye", "at": "21:00"}},
            {"ref": "b", "config": {}, "options": {"join": "all"}},
        ],
        "edges": [{"sourceNodeId": "a", "targetNodeId": "b", "conditionLabel": "true"}],
    }
    assert write_yaml(flow) == (
        "flow:\n"
        "  name: 'Später: ein Gruß'\n"
        "  userId: u\n"
        "  workspaceId: null\n"
        "nodes:\n"
        "  - ref: a\n"
        "    type: action\n"
        "    config:\n"
        "      body: |-\n"
        "        Hi {{ contact.name }},\n"
        "\n"
        "        bye\n"
        "      at: '21:00'\n"
        "  - ref: b\n"
        "    config: {}\n"
        "    options: {join: all}\n"
        "edges:\n"
        "  - {sourceNodeId: a, targetNodeId: b, conditionLabel: 'true'}\n"
    )
