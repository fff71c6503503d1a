"""Ranks, back edges and reachability, the slow and obvious way."""

from __future__ import annotations

Edges = list[tuple[str, str, str | None]]


def back_edges(trigger: str, edges: Edges) -> set[int]:
    """Back edges are those that a depth-first walk from the trigger, in edge order, finds."""
    found: set[int] = set()
    visited: set[str] = set()

    def walk(node: str, way: tuple[str, ...]) -> None:
        visited.add(node)
        for place, (source, target, _label) in enumerate(edges):
            if source != node:
                continue
            if target in way:
                found.add(place)
            elif target not in visited:
                walk(target, (*way, target))

    walk(trigger, (trigger,))
    return found


def reachable(start: str, edges: Edges) -> set[str]:
    """All nodes that can be reached, the start included."""
    found = {start}
    while more := {target for source, target, _ in edges if source in found} - found:
        found |= more
    return found


def ranks(trigger: str, edges: Edges) -> dict[str, int]:
    """Kahn's order over the edges that are no back edges, ties by the lowest index of an edge into the node."""
    nodes, back = reachable(trigger, edges), back_edges(trigger, edges)
    rest = [(place, edge) for place, edge in enumerate(edges) if place not in back and edge[0] in nodes]
    order = [trigger]
    while len(order) < len(nodes):
        open_nodes = [
            (min(place for place, edge in rest if edge[1] == node), node)
            for node in nodes - set(order)
            if all(edge[0] in order for _, edge in rest if edge[1] == node)
        ]
        order.append(min(open_nodes)[1])
    return {node: place for place, node in enumerate(order)}
