"""Walks over a graph: order, reachability, components. Loops, not recursion: a flow may have thousands of nodes.

Unknown ids give empty results, never an error (contract.md section 10). Simple paths and cycles: `engine.circuits`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence

from engine.drawing import Graph
from engine.ranks import rank_nodes


def topological_sort(graph: Graph) -> list[str] | None:
    """Return every node id so that edges lead forward, or None where there is a cycle.

    Of several nodes that could come next the one that the edge of lowest index leads to comes first, as for ranks
    (product.md section 2); nodes that no edge leads to come before those, triggers first, then as drawn.
    """
    waiting: dict[str, int] = dict.fromkeys(graph.by_id, 0)
    lowest: dict[str, int] = {}
    for edge in graph.edges:
        waiting[edge.target] += 1
        lowest.setdefault(edge.target, edge.index)
    ready = [
        (-1, node.kind != "trigger", place, node.id) for place, node in enumerate(graph.nodes) if waiting[node.id] == 0
    ]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        node_id = heapq.heappop(ready)[-1]
        order.append(node_id)
        for edge in graph.leaving[node_id]:
            waiting[edge.target] -= 1
            if waiting[edge.target] == 0:
                heapq.heappush(ready, (lowest[edge.target], False, 0, edge.target))
    return order if len(order) == len(graph.nodes) else None


def get_reachable_nodes(graph: Graph, node_id: str) -> set[str]:
    """Return the ids of all nodes that a branch at this node can reach, itself included; empty for an unknown id."""
    start = graph.find(node_id)
    if start is None:
        return set()
    reached, frontier = {start}, [start]
    while frontier:
        fresh = [target for target in graph.successors[frontier.pop()] if target not in reached]
        reached.update(fresh)
        frontier.extend(fresh)
    return reached


def ranks(graph: Graph, trigger_id: str) -> tuple[list[str], frozenset[int]]:
    """Return the reachable node ids by rank, and the indices of the back edges, as the interpreter will use them.

    Both are empty for an unknown id. The rule is `engine.ranks` (product.md section 2, Waves).
    """
    trigger = graph.find(trigger_id)
    if trigger is None:
        return [], frozenset()
    order, back = rank_nodes(trigger, [(edge.source, edge.target) for edge in graph.edges])
    return order, frozenset(graph.edges[place].index for place in back)


def components_with_cycles(nodes: Iterable[str], successors: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the strongly connected components that hold a cycle, among these nodes only (Tarjan's algorithm).

    Args:
        nodes: where to look, in an order that decides the order of the answer.
        successors: where the edges of each node lead; targets that are not among the nodes are passed over.

    Returns:
        Each component as its ids, in the order of `nodes`; a single node counts where an edge leads back to it.
    """
    order = {node: place for place, node in enumerate(nodes)}
    numbers: dict[str, int] = {}
    low: dict[str, int] = {}
    found: list[list[str]] = []
    held: list[str] = []
    held_set: set[str] = set()
    for root in order:
        if root in numbers:
            continue
        walk: list[tuple[str, Iterator[str]]] = []
        _enter(root, numbers, low, held, held_set)
        walk.append((root, iter(successors.get(root, ()))))
        while walk:
            node, ways = walk[-1]
            for target in ways:
                if target not in order:
                    continue
                if target not in numbers:
                    _enter(target, numbers, low, held, held_set)
                    walk.append((target, iter(successors.get(target, ()))))
                    break
                if target in held_set:
                    low[node] = min(low[node], numbers[target])
            else:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node])
                if low[node] == numbers[node]:
                    component = _leave(node, held, held_set)
                    if len(component) > 1 or node in successors.get(node, ()):
                        found.append(sorted(component, key=order.__getitem__))
    return sorted(found, key=lambda component: order[component[0]])


def _enter(node: str, numbers: dict[str, int], low: dict[str, int], held: list[str], held_set: set[str]) -> None:
    numbers[node] = low[node] = len(numbers)
    held.append(node)
    held_set.add(node)


def _leave(node: str, held: list[str], held_set: set[str]) -> list[str]:
    component: list[str] = []
    while not component or component[-1] != node:
        component.append(held.pop())
        held_set.discard(component[-1])
    return component
