"""Drafts: created, changed, drawn and deleted, by the functions of contract.md section 10."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from engine.flow import Edge, Node
from engine.types import FlowId, NodeId
from store.errors import InvalidInputError, NotFoundError
from store.flows import FlowStore
from store.pool import Pool
from tests.store.drawings import OPENED, TAG


@pytest.fixture
def store(pool: Pool) -> FlowStore:
    return FlowStore(pool, actor="tester")


async def test_a_flow_is_created_as_a_draft_and_read_back(store: FlowStore) -> None:
    made = await store.create_flow(name="Follow up", userId="user_001", settings={"b": 1, "a": [True, None]})
    assert (made.status, made.version, made.is_active, made.trigger_type) == ("draft", 0, False, "event")
    assert await store.get_flow(made.id) == made
    assert list(made.settings) == ["b", "a"], "keys keep the order they were written in"
    assert await store.get_flow("nobody") is None


async def test_fields_come_as_an_object_or_by_name_in_either_spelling(store: FlowStore) -> None:
    by_object = await store.create_flow({"name": "A", "userId": "user_001", "triggerType": "manual"})
    by_name = await store.create_flow(name="B", user_id="user_001", trigger_type="manual", id="flow-b")
    assert (by_object.trigger_type, by_name.trigger_type, by_name.id) == ("manual", "manual", "flow-b")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "A"}, "neither userId nor workspaceId"),
        ({"userId": "user_001"}, "name"),
        ({"name": "", "userId": "user_001"}, "name"),
        ({"name": "A", "userId": "user_001", "colour": "red"}, "colour"),
        ({"name": "A", "userId": "user_001", "isActive": True}, "no nodes yet"),
        ({"name": "A\0", "userId": "user_001"}, r"U\+0000"),
        ({"name": "A", "userId": "user_001", "id": "x" * 201}, "1 to 200 characters"),
    ],
)
async def test_a_flow_that_cannot_be_is_refused(store: FlowStore, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        await store.create_flow(fields)
    assert await store.list_flows() == []


async def test_an_id_is_taken_once(store: FlowStore) -> None:
    await store.create_flow(id="flow-1", name="A", userId="user_001")
    with pytest.raises(InvalidInputError, match="there is, or was, a flow 'flow-1'"):
        await store.create_flow(id="flow-1", name="B", userId="user_001")


async def test_lists_are_by_user_and_workspace_oldest_first(store: FlowStore) -> None:
    names = [("A", "user_001", None), ("B", "user_001", "space"), ("C", "user_002", "space")]
    for name, user, workspace in names:
        await store.create_flow(name=name, userId=user, workspaceId=workspace)
    assert [flow.name for flow in await store.list_flows_for_user("user_001")] == ["A", "B"]
    assert [flow.name for flow in await store.list_flows_for_user("user_001", "space")] == ["B"]
    assert [flow.name for flow in await store.list_flows(workspace_id="space")] == ["B", "C"]
    assert [flow.name for flow in await store.list_flows(status="published")] == []
    assert [flow.name for flow in await store.find_flows("B")] == ["B"]


async def test_an_update_changes_what_it_names(store: FlowStore) -> None:
    made = await store.create_flow(name="A", userId="user_001", description="old")
    changed = await store.update_flow(made.id, {"name": "B", "settings": {"entry": {"rule": "once"}}})
    assert (changed.name, changed.description, changed.settings) == ("B", "old", {"entry": {"rule": "once"}})
    assert (await store.update_flow(made.id, description=None)).description is None


@pytest.mark.parametrize(
    ("change", "why"),
    [({"colour": "red"}, "colour"), ({"userId": "user_002"}, "cannot be changed"), ({"name": 7}, "name")],
)
async def test_an_update_of_what_cannot_change_is_refused(store: FlowStore, change: dict[str, Any], why: str) -> None:
    made = await store.create_flow(name="A", userId="user_001")
    with pytest.raises(InvalidInputError, match=why):
        await store.update_flow(made.id, change)
    assert await store.get_flow(made.id) == made


async def test_what_is_not_there_is_not_found(store: FlowStore) -> None:
    for work in (store.update_flow("x", name="B"), store.publish_flow("x"), store.archive_flow("x")):
        with pytest.raises(NotFoundError, match="there is no flow 'x'"):
            await work
    with pytest.raises(NotFoundError):
        await store.save_node("x", OPENED)
    assert await store.delete_flow("x") is False
    assert await store.get_nodes("x") == []
    assert await store.get_edges("x") == []


async def test_nodes_and_edges_are_saved_in_order_replaced_by_id_and_deleted(store: FlowStore) -> None:
    flow = await store.create_flow(name="A", userId="user_001")
    opened = await store.save_node(flow.id, OPENED)
    tag = await store.save_node({**TAG, "flowId": flow.id, "id": "tag-node"})
    edge = await store.save_edge(flow.id, {"sourceNodeId": opened.id, "targetNodeId": "tag-node"})
    assert await store.get_nodes(flow.id) == [opened, tag]
    assert await store.get_edges(flow.id) == [edge]
    renamed = await store.save_node(flow.id, {**OPENED, "id": opened.id, "ref": "first", "position": {"x": 3, "y": 4}})
    assert [node.ref for node in await store.get_nodes(flow.id)] == ["first", "tag"]
    assert (await store.get_nodes(flow.id))[0] == renamed
    assert await store.delete_node(flow.id, "tag-node")
    assert await store.get_edges(flow.id) == [], "an edge goes with its node"
    assert await store.delete_node("tag-node") is False


async def test_models_go_in_as_well(store: FlowStore) -> None:
    flow = await store.create_flow(name="A", userId="user_001")
    node = Node(id=NodeId("n"), flow_id=flow.id, type="action", subtype="tag_contact", config={"tag": "x"})
    assert await store.save_node(node) == node
    edge = Edge(id="e", flow_id=flow.id, source_node_id=NodeId("n"), target_node_id=NodeId("n"))
    assert await store.save_edge(edge) == edge
    assert await store.delete_edge("e")


async def test_a_part_of_several_flows_is_deleted_only_where_the_flow_is_named(store: FlowStore) -> None:
    flows = [await store.create_flow(name=name, userId="user_001") for name in "AB"]
    for flow in flows:
        await store.save_node(flow.id, {**TAG, "id": "same"})
    with pytest.raises(InvalidInputError, match="2 flows have node 'same'"):
        await store.delete_node("same")
    assert await store.delete_node(flows[0].id, "same")
    assert [len(await store.get_nodes(flow.id)) for flow in flows] == [0, 1]


async def test_a_node_without_a_flow_or_with_what_cannot_be_stored_is_refused(store: FlowStore) -> None:
    flow = await store.create_flow(name="A", userId="user_001")
    for node, why in ((TAG, "names no flow"), ({**TAG, "flowId": flow.id, "config": {"tag": "\0"}}, r"U\+0000")):
        with pytest.raises(InvalidInputError, match=why):
            await store.save_node(node)


async def test_a_deleted_flow_is_hidden_and_its_rows_stay(store: FlowStore, pool: Pool) -> None:
    flow = await store.create_flow(name="A", userId="user_001")
    assert await store.delete_flow(flow.id)
    assert await store.get_flow(flow.id) is None
    assert await store.list_flows() == []
    assert await pool.fetchval("select count(*) from automation_flows") == 1
    assert await store.delete_flow(flow.id) is False


async def test_every_change_is_on_record_with_who_made_it(store: FlowStore, pool: Pool) -> None:
    flow = await store.create_flow(name="A", userId="user_001")
    await store.update_flow(flow.id, name="B")
    await store.save_node(flow.id, OPENED)
    await store.delete_flow(flow.id)
    rows = await pool.fetch("select actor, action from automation_changes where subject = $1 order by number", flow.id)
    assert [row["action"] for row in rows] == [
        "flow.create", "flow.update", "node.save", "flow.archive", "flow.delete",
    ]  # fmt: skip
    assert {row["actor"] for row in rows} == {"tester"}


async def test_is_active_pauses_and_resumes(store: FlowStore) -> None:
    flow = await _published(store)
    paused = await store.update_flow(flow, isActive=False)
    assert (paused.status, paused.is_active) == ("paused", False)
    resumed = await store.update_flow(flow, isActive=True)
    assert (resumed.status, resumed.is_active, resumed.version) == ("published", True, 1)


async def test_it_works_on_any_asyncpg_pool(database: str) -> None:
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as plain:
        store = FlowStore(plain)
        flow_id = await _published(store)
        found = await store.get_flow(flow_id)
        assert found is not None
        assert found.version == 1


async def _published(store: FlowStore) -> FlowId:
    flow = await store.create_flow(name="A", userId="user_001")
    opened = await store.save_node(flow.id, OPENED)
    tag = await store.save_node(flow.id, TAG)
    await store.save_edge(flow.id, {"sourceNodeId": opened.id, "targetNodeId": tag.id})
    return (await store.update_flow(flow.id, isActive=True)).id
