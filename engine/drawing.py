"""A drawing as a graph: nodes and edges that fit together, and a problem for each part that does not.

The values only. `engine.reading` makes them of what a user gave, `engine.traversal` and `engine.validation` look at
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine.problems import Problem
from engine.types import Json


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node as it was drawn; what could not be read is None and has its problem in the graph.

    `index` is its place in the list it came in. `id` is unique in the graph: where the drawing gives none, or one that
    another node has, it is the node's ref or place.
    """

    index: int
    id: str
    ref: str | None
    kind: str | None
    subtype: str | None
    config: Mapping[str, Json] | None
    options: Mapping[str, Json] | None

    @property
    def label(self) -> str:
        """The name a person knows it by."""
        return self.ref or self.id

    @property
    def path(self) -> str:
        """Where it stands in the drawing."""
        return f"nodes[{self.index}]"


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """An edge between two nodes of the graph, by id. `index` is its place in the flow's order."""

    index: int
    source: str
    target: str
    label: str | None

    @property
    def path(self) -> str:
        """Where it stands in the drawing."""
        return f"edges[{self.index}]"


@dataclass(frozen=True)
class Graph:
    """Nodes in their order, edges in theirs, and what could not be read."""

    nodes: tuple[GraphNode, ...] = ()
    edges: tuple[GraphEdge, ...] = ()
    problems: tuple[Problem, ...] = field(default=(), repr=False)

    @cached_property
    def by_id(self) -> Mapping[str, GraphNode]:
        """Nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def successors(self) -> Mapping[str, tuple[str, ...]]:
        """For each node, where its edges lead, in their order and each target once."""
        ways: dict[str, dict[str, None]] = {node.id: {} for node in self.nodes}
        for edge in self.edges:
            ways[edge.source][edge.target] = None
        return {node_id: tuple(targets) for node_id, targets in ways.items()}

    @cached_property
    def leaving(self) -> Mapping[str, tuple[GraphEdge, ...]]:
        """For each node, the edges out of it, in their order."""
        ways: dict[str, list[GraphEdge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            ways[edge.source].append(edge)
        return {node_id: tuple(edges) for node_id, edges in ways.items()}

    @cached_property
    def _ids_by_ref(self) -> Mapping[str, str]:
        return {node.ref: node.id for node in self.nodes if node.ref is not None}

    @property
    def triggers(self) -> tuple[GraphNode, ...]:
        """The trigger nodes; a flow has one."""
        return tuple(node for node in self.nodes if node.kind == "trigger")

    def find(self, id_or_ref: Json) -> str | None:
        """Return the id of the node with this id, else with this ref, else None."""
        if not isinstance(id_or_ref, str):
            return None
        return id_or_ref if id_or_ref in self.by_id else self._ids_by_ref.get(id_or_ref)
