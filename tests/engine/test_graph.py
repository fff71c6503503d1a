"""The public graph functions, on drawings a person would make."""

from __future__ import annotations

import pytest

from engine.circuits import detect_cycles, find_paths_to_node
from engine.drawing import Graph
from engine.reading import build_graph
from engine.traversal import get_reachable_nodes, ranks, topological_sort


def drawing(ways: str, *more: str) -> Graph:
    """A graph of `a>b` pairs; the first node named is the trigger, and `more` names nodes without edges."""
    pairs = [way.split(">") for way in ways.split()]
    names = list(dict.fromkeys([name for pair in pairs for name in pair] + list(more)))
    nodes = [
        {"id": name, "type": "action" if place else "trigger", "subtype": "delay" if place else "email_open"}
        for place, name in enumerate(names)
    ]
    return build_graph(nodes, [{"id": f"e{i}", "sourceNodeId": a, "targetNodeId": b} for i, (a, b) in enumerate(pairs)])


class TestTopologicalSort:
    def test_of_a_line(self) -> None:
        assert topological_sort(drawing("t>a a>b")) == ["t", "a", "b"]

    def test_ties_go_to_the_edge_of_lowest_index(self) -> None:
        assert topological_sort(drawing("t>b t>a b>d a>d")) == ["t", "b", "a", "d"]

    def test_holds_unreachable_nodes_too_after_the_trigger(self) -> None:
        assert topological_sort(drawing("t>a x>a", "alone")) == ["t", "x", "alone", "a"]

    def test_parallel_edges_count_each(self) -> None:
        assert topological_sort(drawing("t>a t>a a>b")) == ["t", "a", "b"]

    @pytest.mark.parametrize("ways", ["t>a a>b b>a", "t>a a>a"])
    def test_is_none_where_there_is_a_cycle(self, ways: str) -> None:
        assert topological_sort(drawing(ways)) is None

    def test_of_nothing(self) -> None:
        assert topological_sort(build_graph([], [])) == []


class TestDetectCycles:
    def test_finds_none_in_a_diamond(self) -> None:
        assert detect_cycles(drawing("t>a t>b a>c b>c")) == []

    def test_finds_each_simple_cycle_once(self) -> None:
        assert detect_cycles(drawing("t>a a>b b>a b>c c>a c>c")) == [["a", "b"], ["a", "b", "c"], ["c"]]

    def test_finds_those_behind_a_node_that_two_ways_had_blocked(self) -> None:
        ways = "t>a t>b t>c t>d c>a b>d d>b c>d b>c a>c"
        assert detect_cycles(drawing(ways)) == [["a", "c"], ["b", "d"], ["b", "c", "d"]]

    def test_parallel_edges_make_one_cycle(self) -> None:
        assert detect_cycles(drawing("t>a a>b b>a b>a")) == [["a", "b"]]

    def test_finds_cycles_the_trigger_does_not_reach(self) -> None:
        assert detect_cycles(drawing("t>a x>y y>x")) == [["x", "y"]]

    def test_stops_at_a_thousand(self) -> None:
        names = [f"n{i}" for i in range(12)]
        complete = " ".join(f"{a}>{b}" for a in names for b in names if a != b)
        cycles = detect_cycles(drawing(complete))
        assert len(cycles) == 1_000
        assert len({tuple(cycle) for cycle in cycles}) == 1_000


class TestReachableNodes:
    def test_holds_the_node_itself_and_what_lies_behind(self) -> None:
        graph = drawing("t>a a>b b>a t>c", "alone")
        assert get_reachable_nodes(graph, "t") == {"t", "a", "b", "c"}
        assert get_reachable_nodes(graph, "b") == {"a", "b"}
        assert get_reachable_nodes(graph, "alone") == {"alone"}

    def test_of_an_unknown_node_is_empty(self) -> None:
        assert get_reachable_nodes(drawing("t>a"), "nobody") == set()


class TestPathsToNode:
    def test_names_each_way_in_edge_order(self) -> None:
        graph = drawing("t>a t>b a>c b>c c>d")
        assert find_paths_to_node(graph, "d") == [["t", "a", "c", "d"], ["t", "b", "c", "d"]]

    def test_goes_round_no_cycle(self) -> None:
        assert find_paths_to_node(drawing("t>a a>b b>a b>c"), "c") == [["t", "a", "b", "c"]]

    def test_to_the_trigger_is_the_trigger(self) -> None:
        assert find_paths_to_node(drawing("t>a"), "t") == [["t"]]

    def test_to_unknown_and_unreachable_nodes_there_are_none(self) -> None:
        graph = drawing("t>a", "alone")
        assert find_paths_to_node(graph, "nobody") == []
        assert find_paths_to_node(graph, "alone") == []

    def test_stops_at_a_thousand_of_a_million(self) -> None:
        ladder = " ".join(f"n{i}>a{i} n{i}>b{i} a{i}>n{i + 1} b{i}>n{i + 1}" for i in range(20))
        paths = find_paths_to_node(drawing(ladder), "n20")
        assert len(paths) == 1_000
        assert len({tuple(path) for path in paths}) == 1_000

    def test_dead_ends_cost_no_time(self) -> None:
        ladder = " ".join(f"n{i}>a{i} n{i}>b{i} a{i}>n{i + 1} b{i}>n{i + 1}" for i in range(40))
        assert find_paths_to_node(drawing(f"t>n0 {ladder} t>goal"), "goal") == [["t", "goal"]]


class TestRanks:
    def test_are_those_of_the_interpreter(self) -> None:
        order, back = ranks(drawing("t>a a>b b>a b>c x>c"), "t")
        assert order == ["t", "a", "b", "c"]
        assert back == {2}

    def test_of_an_unknown_node_are_empty(self) -> None:
        assert ranks(drawing("t>a"), "nobody") == ([], frozenset())


def test_thousands_of_nodes_are_walked_without_recursion() -> None:
    line = " ".join(f"n{i}>n{i + 1}" for i in range(5_000))
    graph = drawing(line + " n5000>n1")
    assert topological_sort(graph) is None
    assert [len(cycle) for cycle in detect_cycles(graph)] == [5_000]
    assert len(get_reachable_nodes(graph, "n0")) == 5_001
    assert [len(path) for path in find_paths_to_node(graph, "n5000")] == [5_001]
