"""Simple paths and simple cycles, one at a time, by Johnson's algorithm.

Its blocking keeps the time between two results within one walk over the graph, so a bound on the number of results is
a bound on the time, also where the graph holds an exponential number of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from engine.drawing import Graph
from engine.traversal import components_with_cycles

MAX_RESULTS: Final = 1_000
"""Of cycles, and of paths (contract.md section 10)."""


def detect_cycles(graph: Graph) -> list[list[str]]:
    """Return the simple cycles, at most 1,000, each as its node ids once, beginning with the one drawn first.

    Edges with different labels between the same nodes make one cycle; an edge from a node to itself makes `[id]`.
    """
    return list(islice(cycles(list(graph.by_id), graph.successors), MAX_RESULTS))


def find_paths_to_node(graph: Graph, node_id: str) -> list[list[str]]:
    """Return the simple paths from the trigger to a node, both ends included, at most 1,000, in edge order.

    The path to the trigger itself is `[trigger]`. A drawing with several triggers gives the paths from each; an
    unknown or unreachable node gives none.
    """
    goal = graph.find(node_id)
    if goal is None:
        return []
    found = (path for trigger in graph.triggers for path in _paths(trigger.id, goal, graph.successors))
    return list(islice(found, MAX_RESULTS))


def cycles(nodes: Sequence[str], successors: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Yield the simple cycles among these nodes, without a bound."""
    place = {node: index for index, node in enumerate(nodes)}
    rest: list[list[str]] = components_with_cycles(nodes, successors)[::-1]
    while rest:
        component = rest.pop()
        inside = set(component)
        within = {node: [way for way in successors.get(node, ()) if way in inside] for node in component}
        first = component[0]
        yield from _circuits(first, first, within)
        smaller = components_with_cycles(sorted(component[1:], key=place.__getitem__), within)
        rest.extend(reversed(smaller))


def _paths(start: str, goal: str, successors: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    if start == goal:
        yield [start]
        return
    for path in _circuits(start, goal, successors):
        yield [*path, goal]


def _circuits(start: str, goal: str, successors: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Yield what lies before the goal on each simple way from start to goal; start may be the goal.

    A node that led to no goal stays blocked until a node behind it is on a way that did.
    """
    path = [start]
    blocked = {start}
    blocks: dict[str, set[str]] = {}
    led_to_goal: set[str] = set()
    walk: list[Iterator[str]] = [iter(successors.get(start, ()))]
    while walk:
        for target in walk[-1]:
            if target == goal:
                yield list(path)
                led_to_goal.update(path)
            elif target not in blocked:
                path.append(target)
                led_to_goal.discard(target)
                blocked.add(target)
                walk.append(iter(successors.get(target, ())))
                break
        else:
            walk.pop()
            node = path.pop()
            if node in led_to_goal:
                _unblock(node, blocked, blocks)
            else:
                for target in successors.get(node, ()):
                    blocks.setdefault(target, set()).add(node)


def _unblock(node: str, blocked: set[str], blocks: dict[str, set[str]]) -> None:
    pending = [node]
    while pending:
        one = pending.pop()
        if one in blocked:
            blocked.discard(one)
            pending.extend(blocks.pop(one, ()))
