"""Reading a drawing: what fits becomes a graph, what does not is a problem that says where."""

from __future__ import annotations

from typing import Any

import pytest

from engine.drawing import Graph
from engine.flow import Edge, Node
from engine.reading import build_graph
from engine.traversal import get_reachable_nodes
from engine.types import NodeId


def messages(graph: Graph) -> list[str]:
    return [problem.message for problem in graph.problems]


class TestBuildGraph:
    def test_takes_models_and_objects_alike(self) -> None:
        nodes = [
            Node(id=NodeId("n1"), ref="open", type="trigger", subtype="email_open"),
            Node(id=NodeId("n2"), type="action", subtype="delay"),
        ]
        edges = [Edge(id="e1", source_node_id=NodeId("n1"), target_node_id=NodeId("n2"), condition_label="error")]
        of_models = build_graph(nodes, edges)
        assert of_models == build_graph([node.wire() for node in nodes], [edge.wire() for edge in edges])
        assert of_models.problems == ()
        assert [(edge.source, edge.target, edge.label) for edge in of_models.edges] == [("n1", "n2", "error")]

    def test_edges_may_use_refs_and_a_ref_stands_in_for_an_id(self) -> None:
        nodes = [
            {"ref": "open", "type": "trigger", "subtype": "email_open"},
            {"id": "n2", "ref": "week", "type": "action", "subtype": "delay"},
        ]
        graph = build_graph(nodes, [{"sourceNodeId": "open", "targetNodeId": "week"}])
        assert graph.problems == ()
        assert get_reachable_nodes(graph, "open") == {"open", "n2"}
        assert get_reachable_nodes(graph, "week") == {"n2"}

    @pytest.mark.parametrize("given", [None, "abc", 7, {"id": "a"}, True])
    def test_what_is_no_list_is_a_problem(self, given: Any) -> None:
        graph = build_graph(given, given)
        assert [problem.path for problem in graph.problems] == ["nodes", "edges"]

    def test_an_edge_to_a_missing_node_names_it(self) -> None:
        graph = build_graph(
            [{"id": "t", "type": "trigger", "subtype": "email_open"}], [{"sourceNodeId": "t", "targetNodeId": "ghost"}]
        )
        assert graph.edges == ()
        assert messages(graph) == ['edges[0] leads to "ghost", which is no node\'s id or ref; name a node of this flow']

    @pytest.mark.parametrize(
        ("node", "path", "words"),
        [
            ("text", "nodes[0]", "not an object"),
            ({"id": "a", "subtype": "delay"}, "nodes[0].type", "has no type"),
            ({"id": "a", "type": "robot", "subtype": "delay"}, "nodes[0].type", '"robot" is not one of'),
            ({"id": "a", "type": "action"}, "nodes[0].subtype", "has no subtype"),
            ({"id": "a", "type": "action", "subtype": ["delay"]}, "nodes[0].subtype", "subtype an array is not text"),
            ({"id": 1 << 300, "type": "action", "subtype": "delay"}, "nodes[0].id", "id a very large number"),
            ({"id": 7, "type": "action", "subtype": "delay"}, "nodes[0].id", "id 7 is not text"),
            ({"id": "", "type": "action", "subtype": "delay"}, "nodes[0].id", "is empty"),
            ({"id": "x" * 201, "type": "action", "subtype": "delay"}, "nodes[0].id", "longer than 200"),
            ({"id": "\ud800", "type": "action", "subtype": "delay"}, "nodes[0].id", "cannot be stored"),
            ({"type": "action", "subtype": "delay"}, "nodes[0]", "neither an id nor a ref"),
            ({"id": "a", "type": "action", "subtype": "delay", "config": []}, "nodes[0].config", "is an array"),
            ({"id": "a", "type": "action", "subtype": "delay", "options": "x"}, "nodes[0].options", '"x", not'),
            ({"id": "a", "type": "action", "subtype": "delay", "position": {"x": "left"}}, "nodes[0].position", "x, y"),
            ({"id": "a", "type": "action", "subtype": "delay", "flowId": 3}, "nodes[0].flowId", "not text"),
            ({"id": "a", "type": "action", "subtype": "delay", "colour": 1}, "nodes[0].colour", 'unknown key "colour"'),
            ({"id": "a", "type": "action", "subtype": "delay", 5: 1}, "nodes[0].5", "unknown key 5"),
        ],
    )
    def test_a_malformed_node_is_a_problem_that_says_where(self, node: Any, path: str, words: str) -> None:
        (problem,) = build_graph([node], []).problems
        assert problem.path == path
        assert words in problem.message

    @pytest.mark.parametrize(
        ("edge", "path", "words"),
        [
            (None, "edges[0]", "is null, not an object"),
            ({"targetNodeId": "a"}, "edges[0].sourceNodeId", "has no sourceNodeId"),
            ({"sourceNodeId": "a", "targetNodeId": ["a"]}, "edges[0].targetNodeId", "an array"),
            ({"sourceNodeId": "a", "targetNodeId": "b", "id": 1}, "edges[0].id", "id 1 is not text"),
            ({"sourceNodeId": "a", "targetNodeId": "b", "conditionLabel": True}, "edges[0].conditionLabel", '"true"'),
            ({"sourceNodeId": "a", "targetNodeId": "b", "conditionLabel": ""}, "edges[0].conditionLabel", "is empty"),
            ({"sourceNodeId": "a", "targetNodeId": "b", "weight": 1}, "edges[0].weight", "unknown key"),
        ],
    )
    def test_a_malformed_edge_is_a_problem_that_says_where(self, edge: Any, path: str, words: str) -> None:
        nodes = [{"id": name, "type": "action", "subtype": "delay"} for name in "ab"]
        (problem,) = build_graph(nodes, [edge]).problems
        assert problem.path == path
        assert words in problem.message

    def test_ids_and_refs_are_unique(self) -> None:
        kind = {"type": "action", "subtype": "delay"}
        nodes = [
            {"id": "a", **kind},
            {"id": "a", **kind},
            {"id": "b", "ref": "a", **kind},
            {"ref": "r", **kind},
            {"id": "c", "ref": "r", **kind},
            {"ref": "r", **kind},
        ]
        edges = [
            {"id": "e", "sourceNodeId": "a", "targetNodeId": "b"},
            {"id": "e", "sourceNodeId": "a", "targetNodeId": "r"},
        ]
        graph = build_graph(nodes, edges)
        assert [problem.path for problem in graph.problems] == [
            "nodes[1].id",
            "nodes[2].ref",
            "nodes[4].ref",
            "nodes[5].ref",
            "edges[1].id",
        ]
        assert len(graph.by_id) == len(nodes)

    def test_a_place_never_stands_for_two_nodes(self) -> None:
        kind = {"type": "action", "subtype": "delay"}
        graph = build_graph([{"id": "nodes[1]", **kind}, {"id": 5, **kind}], [])
        assert len(graph.by_id) == 2

    def test_a_config_that_contains_itself_or_is_no_json_is_a_problem(self) -> None:
        loop: dict[str, Any] = {}
        loop["self"] = loop
        big: list[Any] = [0] * 300
        for _ in range(3):
            big = [big] * 300
        deep: Any = 1
        for _ in range(10_000):
            deep = [deep]
        configs: list[dict[str, Any]] = [
            loop,
            {"x": big},
            {"x": deep},
            {"x": float("nan")},
            {"x": 1 << 70},
            {"x": {1: 2}},
            {"x": {3}},
            {"x": "a\0"},
            {"x": "\ud800"},
            {"x": "y" * 1_000_000},
        ]
        nodes = [{"id": f"n{i}", "type": "action", "subtype": "delay", "config": c} for i, c in enumerate(configs)]
        problems = build_graph(nodes, []).problems
        assert [problem.path for problem in problems] == [f"nodes[{i}].config" for i in range(len(configs))]
