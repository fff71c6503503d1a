"""Rank: the order in which ready nodes run, fixed at publish (product.md section 2, Waves)."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence


def rank_nodes(trigger: str, edges: Sequence[tuple[str, str]]) -> tuple[list[str], frozenset[int]]:
    """Order the nodes that the trigger reaches, and find the back edges.

    Back edges are those that a depth-first walk from the trigger, in edge order, finds. The rest is ordered by Kahn's
    algorithm; of several nodes that could come next, the one that the edge of lowest index leads to comes first.

    Args:
        trigger: the id of the trigger.
        edges: (source, target) of each edge, in the flow's order; an edge is named by its index.

    Returns:
        The node ids in rank order, the trigger first, and the indices of the back edges.
    """
    leaving: dict[str, list[int]] = {}
    for index, (source, _target) in enumerate(edges):
        leaving.setdefault(source, []).append(index)
    reached, back = _walk(trigger, edges, leaving)
    forward = [index for index, (source, _) in enumerate(edges) if source in reached and index not in back]
    lowest: dict[str, int] = {}
    waiting: dict[str, int] = dict.fromkeys(reached, 0)
    for index in forward:
        target = edges[index][1]
        lowest.setdefault(target, index)
        waiting[target] += 1
    ready = [(lowest.get(node, -1), node) for node, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        _, node = heapq.heappop(ready)
        order.append(node)
        for index in leaving.get(node, ()):
            if index not in back:
                target = edges[index][1]
                waiting[target] -= 1
                if waiting[target] == 0:
                    heapq.heappush(ready, (lowest[target], target))
    return order, frozenset(back)


def rank_rest(
    nodes: Sequence[str], ranked: Collection[str], edges: Sequence[tuple[str, str]]
) -> tuple[list[str], frozenset[int]]:
    """Order the nodes that the trigger does not reach, as if it led to each of them; and find the back edges there."""
    rest = [node for node in nodes if node not in ranked]
    inner = [(index, edge) for index, edge in enumerate(edges) if edge[0] in rest and edge[1] in rest]
    order, back = rank_nodes("", [*(("", node) for node in rest), *(edge for _, edge in inner)])
    return order[1:], frozenset(inner[index - len(rest)][0] for index in back)


def _walk(trigger: str, edges: Sequence[tuple[str, str]], leaving: dict[str, list[int]]) -> tuple[set[str], set[int]]:
    reached, open_nodes, back = {trigger}, {trigger}, set[int]()
    stack: list[tuple[str, Iterator[int]]] = [(trigger, iter(leaving.get(trigger, ())))]
    while stack:
        node, ways = stack[-1]
        for index in ways:
            target = edges[index][1]
            if target in open_nodes:
                back.add(index)
            elif target not in reached:
                reached.add(target)
                open_nodes.add(target)
                stack.append((target, iter(leaving.get(target, ()))))
                break
        else:
            open_nodes.discard(node)
            stack.pop()
    return reached, back
