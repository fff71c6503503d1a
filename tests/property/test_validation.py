"""Validation never raises, whatever is handed in; and what it passes can be compiled."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.flow import FlowVersion
from engine.nodes.registry import node_types
from engine.plan import compile_plan
from engine.problems import Validation
from engine.reading import build_graph
from engine.validation import validate_graph

NAMES = st.sampled_from("tabcd")
KEYS = st.sampled_from(sorted({
    "id", "ref", "type", "subtype", "config", "options", "join", "retry", "entry", "rule", "goal",
    *(str(field.alias) for node in node_types().values() for field in node.config.model_fields.values()),
})) | st.text(max_size=8)  # fmt: skip
TEMPLATES = st.sampled_from(["{{ event.a }}", "{{ nope.a }}", "{{", "{% if %}", "{{ a | b }}", "event.x", "x" * 999])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | TEMPLATES
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12)
OBJECTS = st.dictionaries(KEYS, ANYTHING, max_size=5) | ANYTHING
SUBTYPES = st.sampled_from(sorted({*node_types(), "nobody"}))
EXAMPLES = st.sampled_from([
    {"type": node.kind, "subtype": node.name, "config": dict(node.example)} for node in node_types().values()
])  # fmt: skip


@st.composite
def drawn_nodes(draw: st.DrawFn) -> Any:
    node: dict[str, Any] = {"id": draw(NAMES)} | dict(draw(EXAMPLES))
    if draw(st.booleans()):
        node["subtype"] = draw(SUBTYPES)
    if draw(st.booleans()):
        node["config"] = draw(OBJECTS)
    if draw(st.booleans()):
        node["options"] = draw(OBJECTS | st.just({"join": "all"}))
    return draw(st.just(node) | ANYTHING)


LABELS = st.none() | st.sampled_from(["true", "false", "error"]) | ANYTHING
EDGES = st.fixed_dictionaries({"sourceNodeId": NAMES, "targetNodeId": NAMES}, optional={"conditionLabel": LABELS})


@given(st.lists(drawn_nodes(), max_size=6), st.lists(EDGES | ANYTHING, max_size=8), ANYTHING, ANYTHING)
def test_nothing_that_is_handed_in_raises(nodes: Any, edges: Any, settings: Any, trigger_type: Any) -> None:
    found = validate_graph(build_graph(nodes, edges), settings, trigger_type=trigger_type)
    assert found.is_valid == (not found.errors)
    assert Validation.model_validate_json(found.model_dump_json()) == found


@given(st.lists(EXAMPLES, min_size=1, max_size=5), st.lists(EDGES, max_size=8))
def test_what_passes_can_be_compiled(parts: list[dict[str, Any]], ways: list[dict[str, Any]]) -> None:
    nodes = [{**part, "id": name} for name, part in zip("tabcd", parts, strict=False)]
    edges = [{**way, "id": f"e{place}"} for place, way in enumerate(ways)]
    if validate_graph(build_graph(nodes, edges)).is_valid:
        drawing = {"flowId": "f", "version": 1, "name": "f", "nodes": nodes, "edges": edges}
        plan = compile_plan(FlowVersion.model_validate(drawing))
        assert plan.trigger.type.kind == "trigger"
