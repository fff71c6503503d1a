"""Flows of any shape, drawn by few draws each: what is not valid about a drawing is taken out of it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from engine.nodes.registry import node_types
from engine.reading import build_graph
from engine.validation import validate_graph
from tests.reference.parts import OPENED, RETRIES, Part

Flow = dict[str, Any]
LABELS: dict[str, list[str | None]] = {
    "trigger": [None], "action": [None, None, None, "error"], "condition": [None, "true", "true", "false", "error"],
    "wait_for_event": [None, "event", "timeout", "event", "error"],
}  # fmt: skip
MOST = 7
NUMBERS = st.tuples(st.integers(0, MOST), st.integers(1, MOST), st.integers(0, 59))
Pair = tuple[int, int, int]


@st.composite
def drawn_flows(
    draw: st.DrawFn,
    flow_id: str,
    parts: list[Part],
    triggers: list[Part],
    settings: st.SearchStrategy[dict[str, Any]] = st.just({}),  # noqa: B008 -- a strategy is a value
    awaits: list[int] | None = None,
) -> list[Flow]:
    """A flow and a later version of it: the same nodes but for some, on other ways.

    Args:
        flow_id: of the flow.
        parts: nodes to choose from.
        triggers: triggers to choose from.
        settings: of each version.
        awaits: which of the nodes await answers, as bits.
    """
    trigger = draw(st.sampled_from(triggers))
    chosen = draw(st.lists(st.sampled_from(parts), min_size=2, max_size=MOST))
    other = draw(st.lists(st.sampled_from(parts), max_size=2))
    versions = []
    for number, nodes_of in enumerate([chosen, [*other, *chosen[len(other) :]]], 1):
        joins = draw(st.sampled_from([0, 4, 8, 16, 32, 64, 24, 40, 255]))
        answers = draw(st.sampled_from(awaits or [0]))
        ways = draw(st.lists(NUMBERS, min_size=len(nodes_of) + 2, max_size=len(nodes_of) + 6))
        nodes = [_trigger(trigger), *(_node(place, part, joins, answers) for place, part in enumerate(nodes_of, 1))]
        nodes, edges, kept = valid(nodes, _pairs(ways, len(nodes_of), draw(st.booleans())), draw(settings))
        versions.append({
            "flowId": flow_id, "version": number, "name": flow_id, "userId": "user_001", "settings": kept,
            "nodes": nodes, "edges": edges,
        })  # fmt: skip
    return versions


def valid(nodes: list[Any], pairs: list[Pair], settings: dict[str, Any]) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Take out of a drawing what is not valid: settings, the trigger, joins, ways back."""
    for repair in range(5):
        if repair == 1:
            settings = {key: value for key, value in settings.items() if key not in {"goal", "exitWhen"}}
        if repair == 2:
            nodes = [_trigger(OPENED[0]), *nodes[1:]]
        if repair == 3:
            nodes = [{**node, "options": {**node["options"], "join": "any"}} for node in nodes]
        if repair == 4:
            pairs = [pair for pair in pairs if pair[0] < pair[1]]
        edges = [_edge(nodes, place, pair) for place, pair in enumerate(pairs)]
        if validate_graph(build_graph(nodes, edges), settings).is_valid:
            break
    return nodes, edges, settings


def _trigger(part: Part) -> dict[str, Any]:
    return {"id": "t", "ref": "t", "type": "trigger", "subtype": part[0], "config": part[1], "options": {}}


def _node(place: int, part: Part, joins: int, answers: int) -> dict[str, Any]:
    subtype, config = part
    kind = node_types()[subtype]
    options: dict[str, Any] = {"join": "all"} if joins >> place & 1 else {}
    if answers >> place & 1 and getattr(kind, "command", None):
        options |= RETRIES[(answers + place) % len(RETRIES)]
    return {"id": f"n{place}", "ref": f"n{place}", "type": kind.kind, "subtype": subtype, "config": config,
            "options": options}  # fmt: skip


def _pairs(ways: list[Pair], most: int, is_forward: bool) -> list[Pair]:
    """The ways that were drawn, each node reached from one before it, then more."""
    pairs = []
    for place, (source, target, more) in enumerate(ways, 1):
        is_extra = place > most
        at = target % most + 1 if is_extra else place
        pairs.append((source % (most + 1 if is_extra else place), at, more))
    if is_forward:
        pairs = [pair for pair in pairs if pair[0] < pair[1]]
    return sorted(pairs, key=lambda pair: pair[2] // 5)


def _edge(nodes: list[dict[str, Any]], place: int, pair: Pair) -> dict[str, Any]:
    source, target, more = pair
    labels = LABELS.get(str(nodes[source]["subtype"])) or LABELS[str(nodes[source]["type"])]
    return {"id": f"e{place}", "sourceNodeId": nodes[source]["id"], "targetNodeId": nodes[target]["id"],
            "conditionLabel": labels[more % len(labels)]}  # fmt: skip
