"""Rank: depth-first back edges, then Kahn's order with ties by the lowest edge into the node."""

from hypothesis import given
from hypothesis import strategies as st

from engine.ranks import rank_nodes


def test_a_diamond_runs_its_sides_in_edge_order_and_joins_last() -> None:
    order, back = rank_nodes("t", [("t", "b"), ("t", "a"), ("a", "d"), ("b", "d")])
    assert order == ["t", "b", "a", "d"]
    assert back == frozenset()


def test_the_edge_that_closes_a_loop_is_the_back_edge() -> None:
    order, back = rank_nodes("t", [("t", "wait"), ("wait", "ask"), ("ask", "wait"), ("ask", "end")])
    assert order == ["t", "wait", "ask", "end"]
    assert back == {2}


def test_what_the_trigger_does_not_reach_has_no_rank() -> None:
    order, _ = rank_nodes("t", [("t", "a"), ("x", "a"), ("x", "y")])
    assert order == ["t", "a"]


def test_a_tie_goes_to_the_node_whose_lowest_edge_is_lower() -> None:
    order, _ = rank_nodes("t", [("t", "z"), ("t", "a"), ("z", "late"), ("a", "early"), ("t", "early")])
    assert order == ["t", "z", "a", "late", "early"]


def test_thousands_of_nodes_do_not_recurse() -> None:
    edges = [(str(n), str(n + 1)) for n in range(5_000)]
    order, back = rank_nodes("0", edges)
    assert order == [str(n) for n in range(5_001)]
    assert not back


node = st.integers(0, 7).map(str)


@given(st.lists(st.tuples(node, node), max_size=24))
def test_every_edge_goes_up_in_rank_unless_it_is_a_back_edge(edges: list[tuple[str, str]]) -> None:
    order, back = rank_nodes("0", edges)
    rank = {name: place for place, name in enumerate(order)}
    assert order[0] == "0"
    assert len(rank) == len(order)
    for index, (source, target) in enumerate(edges):
        if source in rank:
            assert target in rank
            assert (rank[source] >= rank[target]) == (index in back)
