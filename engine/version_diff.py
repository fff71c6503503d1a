"""What is different between two versions of a flow, said part by part. Pure; knows no store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from engine.flow import Edge, FlowVersion, Node
from engine.json_values import json_equal
from engine.types import Json
from engine.wire import Wire

_FLOW_KEYS: Final = ("name", "triggerType", "userId", "workspaceId")
_NODE_KEYS: Final = ("ref", "type", "subtype", "config", "options")


class Difference(Wire):
    """One part that was added, removed, or has another value. `name` is what a person calls it, `key` what of it."""

    part: Literal["flow", "setting", "node", "edge"]
    change: Literal["added", "removed", "changed"]
    name: str
    node_id: str | None = None
    key: str | None = None
    before: Any = None
    after: Any = None


def differences(before: FlowVersion, after: FlowVersion) -> list[Difference]:
    """Return what is different, in the order: flow, settings, nodes, edges. Where nodes are drawn is no difference."""
    return [
        *_values("flow", before.name, before.wire(), after.wire(), _FLOW_KEYS),
        *_settings(before.settings, after.settings),
        *_nodes({node.id: node for node in before.nodes}, {node.id: node for node in after.nodes}),
        *_edges(_named_edges(before), _named_edges(after)),
    ]


def removed_nodes(before: FlowVersion, after: FlowVersion) -> set[str]:
    """Return the nodes at which nothing can go on in the other version: gone, or of another subtype."""
    kept = {node.id: node.subtype for node in after.nodes}
    return {node.id for node in before.nodes if kept.get(node.id) != node.subtype}


def _values(
    part: Literal["flow", "node"],
    name: str,
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    keys: tuple[str, ...],
    node_id: str | None = None,
) -> Iterator[Difference]:
    for key in keys:
        if not json_equal(before.get(key), after.get(key)):
            yield Difference(
                part=part, change="changed", name=name, node_id=node_id, key=key, before=before.get(key),
                after=after.get(key),
            )  # fmt: skip


def _settings(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Difference]:
    for key in dict.fromkeys((*before, *after)):
        if key not in after:
            yield Difference(part="setting", change="removed", name=key, before=before[key])
        elif key not in before:
            yield Difference(part="setting", change="added", name=key, after=after[key])
        elif not json_equal(before[key], after[key]):
            yield Difference(part="setting", change="changed", name=key, before=before[key], after=after[key])


def _nodes(before: Mapping[str, Node], after: Mapping[str, Node]) -> Iterator[Difference]:
    for node_id, node in before.items():
        if node_id in after:
            yield from _values("node", _name(node), node.wire(), after[node_id].wire(), _NODE_KEYS, node_id)
        else:
            yield Difference(part="node", change="removed", name=_name(node), node_id=node_id, before=_shown(node))
    for node_id, node in after.items():
        if node_id not in before:
            yield Difference(part="node", change="added", name=_name(node), node_id=node_id, after=_shown(node))


def _edges(before: list[str], after: list[str]) -> Iterator[Difference]:
    for name in before:
        if name not in after:
            yield Difference(part="edge", change="removed", name=name)
    for name in after:
        if name not in before:
            yield Difference(part="edge", change="added", name=name)
    kept = [name for name in before if name in after]
    order = [name for name in after if name in before]
    if kept != order:
        yield Difference(part="edge", change="changed", name="all", key="order", before=kept, after=order)


def _named_edges(version: FlowVersion) -> list[str]:
    names: dict[str, str] = {node.id: _name(node) for node in version.nodes}
    return [_edge_name(edge, names) for edge in version.edges]


def _edge_name(edge: Edge, names: Mapping[str, str]) -> str:
    source, target = (names.get(end, end) for end in (edge.source_node_id, edge.target_node_id))
    return f"{source} → {target}" + (f" ({edge.condition_label})" if edge.condition_label is not None else "")


def _name(node: Node) -> str:
    return node.ref or node.id


def _shown(node: Node) -> dict[str, Json]:
    told = node.wire()
    return {key: told[key] for key in ("type", "subtype", "config", "options") if told[key]}
