"""Write a flow as a file that `engine.files` reads back to the same flow. What can be derived again is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine import ids
from engine.flow import Edge, Flow, Node, Position
from engine.types import Json


def export_file(flow: Flow, nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[str, Json]:
    """Return the file of a flow's draft: `{flow, nodes, edges}`, edges by ref where their nodes have one."""
    names = _names(nodes)
    return {
        "flow": _flow(flow),
        "nodes": [_node(flow, node) for node in nodes],
        "edges": _edges(flow, edges, names),
    }


def _flow(flow: Flow) -> dict[str, Json]:
    written: dict[str, Json] = {}
    if flow.id != ids.flow_id(flow.user_id, flow.workspace_id, flow.name):
        written["id"] = flow.id
    written |= {"name": flow.name}
    if flow.description is not None:
        written["description"] = flow.description
    written |= {"userId": flow.user_id, "workspaceId": flow.workspace_id, "triggerType": flow.trigger_type}
    if flow.settings:
        written["settings"] = flow.settings
    return written


def _node(flow: Flow, node: Node) -> dict[str, Json]:
    written: dict[str, Json] = {}
    if node.ref is None or node.id != ids.node_id(flow.id, node.ref):
        written["id"] = node.id
    if node.ref is not None:
        written["ref"] = node.ref
    written |= {"type": node.type, "subtype": node.subtype, "config": node.config}
    if node.options:
        written["options"] = node.options
    if node.position != Position():
        written["position"] = {"x": _number(node.position.x), "y": _number(node.position.y)}
    return written


def _edges(flow: Flow, edges: Sequence[Edge], names: dict[str, str]) -> list[dict[str, Json]]:
    all_written: list[dict[str, Json]] = []
    repeats: Counter[tuple[str, str, str | None]] = Counter()
    for edge in edges:
        source, target, label = edge.source_node_id, edge.target_node_id, edge.condition_label
        written: dict[str, Json] = {}
        if edge.id != ids.edge_id(flow.id, source, target, label, repeats[source, target, label]):
            written["id"] = edge.id
        repeats[source, target, label] += 1
        written |= {"sourceNodeId": names.get(source, source), "targetNodeId": names.get(target, target)}
        if label is not None:
            written["conditionLabel"] = label
        all_written.append(written)
    return all_written


def _names(nodes: Sequence[Node]) -> dict[str, str]:
    """How edges name nodes: by ref, but where a ref is the id of another node."""
    taken = {node.id for node in nodes}
    return {node.id: node.ref for node in nodes if node.ref is not None and node.ref not in taken}


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() else value
