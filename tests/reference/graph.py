"""Ranks, back edges and reachability, the slow and obvious way."""

from __future__ import annotations

Edges = list[tuple[str, str, str | None]]


def back_edges(trigger: str, edges: Edges, nodes: list[str]) -> set[int]:
    """Back edges are those that a depth-first walk from the trigger, in edge order, finds.

    A migration may leave a branch at a node that the trigger does not reach any more: these are walked, too.
    """
    found = walked(trigger, edges)
    rest, made = unreached(trigger, edges, nodes)
    inner = [place for place, edge in enumerate(edges) if edge[0] in rest and edge[1] in rest]
    return found | {inner[place - len(rest)] for place in walked("", made)}


def walked(root: str, edges: Edges) -> set[int]:
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

    walk(root, (root,))
    return found


def reachable(start: str, edges: Edges) -> set[str]:
    """All nodes that can be reached, the start included."""
    found = {start}
    while more := {target for source, target, _ in edges if source in found} - found:
        found |= more
    return found


def unreached(trigger: str, edges: Edges, nodes: list[str]) -> tuple[list[str], Edges]:
    """The nodes that the trigger does not reach, and edges as if something led to each of them."""
    reached = reachable(trigger, edges)
    rest = [node for node in nodes if node not in reached]
    inner = [edge for edge in edges if edge[0] in rest and edge[1] in rest]
    return rest, [*(("", node, None) for node in rest), *inner]


def ranks(trigger: str, edges: Edges, nodes: list[str]) -> dict[str, int]:
    """The order in which ready nodes run; what the trigger does not reach comes last."""
    order = [*ordered(trigger, edges), *ordered("", unreached(trigger, edges, nodes)[1])[1:]]
    return {node: place for place, node in enumerate(order)}


def ordered(root: str, edges: Edges) -> list[str]:
    """Kahn's order over the edges that are no back edges, ties by the lowest index of an edge into the node."""
    nodes, back = reachable(root, edges), walked(root, edges)
    rest = [(place, edge) for place, edge in enumerate(edges) if place not in back and edge[0] in nodes]
    order = [root]
    while len(order) < len(nodes):
        open_nodes = [
            (min(place for place, edge in rest if edge[1] == node), node)
            for node in nodes - set(order)
            if all(edge[0] in order for _, edge in rest if edge[1] == node)
        ]
        order.append(min(open_nodes)[1])
    return order
