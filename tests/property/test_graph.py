"""Graph functions hold on any graph: against plain definitions, and on anything at all that is handed in."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.circuits import detect_cycles, find_paths_to_node
from engine.drawing import Graph
from engine.ranks import rank_nodes
from engine.reading import build_graph
from engine.traversal import components_with_cycles, get_reachable_nodes, ranks, topological_sort

NAMES = "tabcde"
WAYS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=14)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["id", *NAMES])
KEYS = (
    st.sampled_from(["id", "ref", "type", "subtype", "config", "options", "sourceNodeId", "target_node_id"]) | st.text()
)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


def graph_of(ways: list[tuple[str, str]]) -> Graph:
    nodes = [{"id": name, "type": "trigger" if name == "t" else "action", "subtype": "delay"} for name in NAMES]
    return build_graph(nodes, [{"sourceNodeId": source, "targetNodeId": target} for source, target in ways])


def simple_ways(ways: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Every sequence of different nodes that follows edges, by trying them all."""
    edges = set(ways)
    return [
        names
        for length in range(1, len(NAMES) + 1)
        for names in permutations(NAMES, length)
        if all(pair in edges for pair in pairwise(names))
    ]


@given(WAYS)
def test_cycles_are_the_simple_cycles_each_once(ways: list[tuple[str, str]]) -> None:
    expected = {names for names in simple_ways(ways) if (names[-1], names[0]) in ways and names[0] == first(names)}
    found = [tuple(cycle) for cycle in detect_cycles(graph_of(ways))]
    assert sorted(found) == sorted(expected)


def first(names: tuple[str, ...]) -> str:
    return min(names, key=NAMES.index)


@given(WAYS, st.sampled_from(NAMES))
def test_paths_are_the_simple_paths_each_once(ways: list[tuple[str, str]], goal: str) -> None:
    expected = [names for names in simple_ways(ways) if names[0] == "t" and names[-1] == goal]
    assert sorted(tuple(path) for path in find_paths_to_node(graph_of(ways), goal)) == sorted(expected)


@given(WAYS)
def test_an_order_leads_forward_and_is_missing_exactly_where_there_is_a_cycle(ways: list[tuple[str, str]]) -> None:
    graph = graph_of(ways)
    order = topological_sort(graph)
    assert (order is None) == bool(detect_cycles(graph))
    if order is not None:
        assert sorted(order) == sorted(NAMES)
        assert all(order.index(source) < order.index(target) for source, target in ways)


@given(WAYS)
def test_reachable_is_what_a_path_leads_to(ways: list[tuple[str, str]]) -> None:
    graph = graph_of(ways)
    assert get_reachable_nodes(graph, "t") == {name for name in NAMES if find_paths_to_node(graph, name)}


@given(WAYS)
def test_components_are_those_that_reach_each_other(ways: list[tuple[str, str]]) -> None:
    graph = graph_of(ways)
    behind = {
        name: set[str]().union(*(get_reachable_nodes(graph, way) for way in graph.successors[name])) for name in NAMES
    }
    looping = {name for name in NAMES if name in behind[name]}
    found = components_with_cycles(NAMES, graph.successors)
    assert {name for component in found for name in component} == looping
    for component in found:
        assert all(other in behind[name] for name in component for other in component)


@given(WAYS)
def test_ranks_order_what_is_reachable_and_agree_with_the_sort(ways: list[tuple[str, str]]) -> None:
    graph = graph_of(ways)
    order, back = ranks(graph, "t")
    assert (order, back) == rank_nodes("t", ways)
    assert set(order) == get_reachable_nodes(graph, "t")
    sort = topological_sort(graph)
    if sort is not None and len(order) == len(NAMES):
        assert order == sort


@given(
    ANYTHING | st.lists(st.dictionaries(KEYS, ANYTHING)), ANYTHING | st.lists(st.dictionaries(KEYS, ANYTHING)), ANYTHING
)
def test_nothing_that_is_handed_in_raises(nodes: Any, edges: Any, name: Any) -> None:
    graph = build_graph(nodes, edges)
    assert len(graph.by_id) == len(graph.nodes)
    detect_cycles(graph)
    topological_sort(graph)
    assert isinstance(get_reachable_nodes(graph, name), set)
    assert isinstance(find_paths_to_node(graph, name), list)
    for problem in graph.problems:
        problem.model_dump_json()
