"""The public face of the graph functions (contract.md section 10); each lives in a file of one idea."""

from __future__ import annotations

from engine.circuits import detect_cycles, find_paths_to_node
from engine.drawing import Graph, GraphEdge, GraphNode
from engine.reading import build_graph
from engine.traversal import get_reachable_nodes, ranks, topological_sort
from engine.validation import validate_graph

__all__ = [
    "Graph", "GraphEdge", "GraphNode", "build_graph", "detect_cycles", "find_paths_to_node", "get_reachable_nodes",
    "ranks", "topological_sort", "validate_graph",
]  # fmt: skip
