"""A flow as a file: read, checked, drawn, and written again the same."""

from __future__ import annotations

from typing import Any

import pytest

from engine import ids
from engine.file_export import export_file
from engine.files import draw, read_flow_file
from engine.flow import Flow, Position
from engine.types import FlowId, NodeId

NODES: list[dict[str, Any]] = [
    {"ref": "opened", "type": "trigger", "subtype": "email_open", "config": {"allCampaigns": True}},
    {"ref": "ask", "type": "condition", "subtype": "if_tag_present", "config": {"tag": "vip"}},
    {"ref": "note", "type": "action", "subtype": "log_event", "config": {"message": "x"}},
]
EDGES: list[dict[str, Any]] = [
    {"sourceNodeId": "opened", "targetNodeId": "ask"},
    {"sourceNodeId": "ask", "targetNodeId": "note", "conditionLabel": True},
    {"sourceNodeId": "ask", "targetNodeId": "note", "conditionLabel": False},
]
FILE: dict[str, Any] = {"flow": {"name": "F", "userId": "u"}, "nodes": NODES, "edges": EDGES}


def flow(**more: Any) -> Flow:
    made = {"id": ids.flow_id("u", None, "F"), "userId": "u", "name": "F", "createdAt": "x", "updatedAt": "x", **more}
    return Flow.model_validate(made)


def paths(document: Any) -> list[str]:
    return [problem.path for problem in read_flow_file(document).validation.errors]


def with_flow(**fields: Any) -> dict[str, Any]:
    return {**FILE, "flow": {**FILE["flow"], **fields}}


def test_a_file_is_drawn_with_derived_ids_and_labels_as_text() -> None:
    file = read_flow_file(FILE).file
    assert file is not None
    drawn = draw(file, FlowId("f"), {})
    assert [node.id for node in drawn.nodes] == [ids.node_id(FlowId("f"), node["ref"]) for node in NODES]
    assert [edge.condition_label for edge in drawn.edges] == [None, "true", "false"]
    assert len({edge.id for edge in drawn.edges}) == 3


def test_a_node_keeps_its_id_as_long_as_it_keeps_its_ref() -> None:
    file = read_flow_file(FILE).file
    assert file is not None
    assert draw(file, FlowId("f"), {"ask": "old id"}).nodes[1].id == "old id"


def test_what_is_exported_reads_as_the_same_drawing() -> None:
    document = {
        **with_flow(description="d", settings={"entry": {"rule": "every_event"}}),
        "nodes": [
            {**NODES[0], "id": "own id"}, {**NODES[1], "options": {"join": "all"}},
            {**NODES[2], "position": {"x": 1, "y": 2.5}}, {**NODES[2], "id": "bare", "ref": None},
        ],
        "edges": [*EDGES, {"id": "own edge", "sourceNodeId": "ask", "targetNodeId": "bare"}],
    }  # fmt: skip
    file = read_flow_file(document).file
    assert file is not None
    stored = flow(description="d", settings=document["flow"]["settings"])
    drawn = draw(file, stored.id, {})
    written = export_file(stored, drawn.nodes, drawn.edges)
    assert "id" not in written["flow"]
    assert written["nodes"][2]["position"] == {"x": 1, "y": 2.5}
    again = read_flow_file(written).file
    assert again is not None
    assert draw(again, stored.id, {}) == drawn
    assert again.flow == file.flow


def test_a_flow_with_an_id_of_its_own_exports_it() -> None:
    node = draw_one().model_copy(update={"position": Position(x=0.0, y=0.0), "id": NodeId("n")})
    written = export_file(flow(id="mine"), [node], [])
    assert written["flow"]["id"] == "mine"
    assert written["nodes"][0]["id"] == "n"


def draw_one() -> Any:
    file = read_flow_file({**FILE, "nodes": NODES[:1], "edges": []}).file
    assert file is not None
    return draw(file, FlowId("mine"), {}).nodes[0]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        ({**FILE, "flow": []}, "flow"),
        ({"nodes": NODES, "edges": EDGES}, "flow"),
        ({**FILE, "extra": 1}, "extra"),
        ({**FILE, "flow": {"userId": "u"}}, "flow.name"),
        ({**FILE, "flow": {"name": "F"}}, "flow.userId"),
        (with_flow(nam="x"), "flow.nam"),
        (with_flow(name=5), "flow.name"),
        (with_flow(name="  "), "flow.name"),
        (with_flow(name="x" * 201), "flow.name"),
        (with_flow(name="a\0b"), "flow.name"),
        (with_flow(version="one"), "flow.version"),
        (with_flow(settings=[]), "flow.settings"),
        (with_flow(triggerType="sometimes"), "flow.triggerType"),
        ({**FILE, "nodes": [{**NODES[0], "flowId": "other"}, *NODES[1:]]}, "nodes[0].flowId"),
        ({**FILE, "edges": [{**EDGES[0], "flow_id": "other"}, *EDGES[1:]]}, "edges[0].flowId"),
        ({**FILE, "edges": {}}, "edges"),
        ({**FILE, "edges": [5]}, "edges[0]"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_path(document: Any, path: str) -> None:
    found = read_flow_file(document)
    assert found.file is None
    assert path in paths(document)


def test_what_only_the_store_sets_may_stand_in_a_file() -> None:
    assert read_flow_file(with_flow(version=3, isActive=True, status="published")).file is not None


def test_a_ref_does_not_take_the_id_of_another_node() -> None:
    clash = ids.node_id(FlowId("f"), "ask")
    document = {**FILE, "nodes": [NODES[0], NODES[1], {**NODES[2], "id": "taken"}]}
    file = read_flow_file(document).file
    assert file is not None
    drawn = draw(file, FlowId("f"), {"ask": "taken"})
    assert [node.id for node in drawn.nodes][1:] == [clash, "taken"]


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({"flow": FILE["flow"], "nodez": NODES, "edges": EDGES}, ["nodez"]),
        ({**FILE, "nodes": 5}, ["nodes"]),
        ({"flow": FILE["flow"], "nodez": NODES, "edges": EDGES, "extra": 1}, ["nodez", "extra"]),
        ({"flow": {**FILE["flow"], "settings": {"x": 1}}, "nodez": NODES}, ["nodez", "flow.settings.x"]),
        ({"flow": FILE["flow"], "nodes": NODES, "edgez": EDGES}, ["edgez"]),
        ({**FILE, "edges": 5}, ["edges"]),
        ({"flow": FILE["flow"]}, ["nodes"]),
    ],
)
def test_what_follows_from_a_list_that_cannot_be_read_is_not_said(document: dict[str, Any], wrong: list[str]) -> None:
    assert paths(document) == wrong
    assert read_flow_file(document).validation.warnings == ()


@pytest.mark.parametrize("label", ["yes", 5])
def test_a_bad_label_is_one_error_and_no_warning(label: Any) -> None:
    edges = [EDGES[0], {**EDGES[1], "conditionLabel": label}]
    found = read_flow_file({**FILE, "edges": edges}).validation
    assert [one.path for one in found.errors] == ["edges[1].conditionLabel"]
    assert found.warnings == ()


@pytest.mark.parametrize("key", ["goal", "entry", "messages"])
def test_a_setting_on_the_flow_is_told_where_it_belongs(key: str) -> None:
    [found] = read_flow_file(with_flow(**{key: {}})).validation.errors
    assert found.message == f'flow has the unknown key "{key}"; it belongs under settings'


def test_an_option_on_a_node_is_told_where_it_belongs() -> None:
    document = {**FILE, "nodes": [*NODES[:2], {**NODES[2], "awaitResult": True}]}
    [found] = read_flow_file(document).validation.errors
    assert found.message == 'nodes[2] has the unknown key "awaitResult"; it belongs under options'
