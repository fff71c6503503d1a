"""The names of the first MAL in Python (contract.md section 10), against the running system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from engine.flow import Edge, Node
from engine.graph import (
    build_graph,
    detect_cycles,
    find_paths_to_node,
    get_reachable_nodes,
    topological_sort,
    validate_graph,
)
from store.flows import FlowStore
from streams.client import AutomationClient
from tests.contract.lab import Lab, derived, event, execution_id, flow_id

NODES: list[dict[str, Any]] = [
    {"id": "t", "flowId": "f", "type": "trigger", "subtype": "email_open", "config": {}},
    {"id": "c", "flowId": "f", "type": "condition", "subtype": "if_tag_present", "config": {"tag": "x"}},
    {"id": "d", "flowId": "f", "type": "action", "subtype": "delay", "config": {"delaySeconds": 30 * 86_400}},
    {"id": "n", "flowId": "f", "type": "action", "subtype": "notify_user", "config": {"message": "m"}},
]
EDGES: list[dict[str, Any]] = [
    {"id": "1", "flowId": "f", "sourceNodeId": "t", "targetNodeId": "c", "conditionLabel": None},
    {"id": "2", "flowId": "f", "sourceNodeId": "c", "targetNodeId": "n", "conditionLabel": "true"},
    {"id": "3", "flowId": "f", "sourceNodeId": "c", "targetNodeId": "d", "conditionLabel": "false"},
    {"id": "4", "flowId": "f", "sourceNodeId": "d", "targetNodeId": "n"},
]
BACK = {"id": "5", "flowId": "f", "sourceNodeId": "n", "targetNodeId": "d"}


@pytest.mark.parametrize("as_models", [False, True])
def test_the_graph_functions_take_dicts_and_models(as_models: bool) -> None:
    nodes = [Node.model_validate(node) for node in NODES] if as_models else NODES
    edges = [Edge.model_validate(edge) for edge in EDGES] if as_models else EDGES
    graph = build_graph(nodes, edges)
    verdict = validate_graph(graph)
    assert (verdict["isValid"], verdict["errors"], verdict["warnings"]) == (True, [], [])
    assert detect_cycles(graph) == []
    assert topological_sort(graph) == ["t", "c", "d", "n"]
    assert get_reachable_nodes(graph, "d") in ({"n"}, {"d", "n"})
    assert find_paths_to_node(graph, "n") == [["t", "c", "n"], ["t", "c", "d", "n"]]
    assert (get_reachable_nodes(graph, "?"), find_paths_to_node(graph, "?")) == (set(), [])
    cyclic = build_graph(nodes, [*edges, BACK])
    assert topological_sort(cyclic) is None
    (cycle,) = detect_cycles(cyclic)
    assert sorted(cycle) == ["d", "n"]
    assert validate_graph(cyclic)["isValid"] is True


def test_a_graph_of_nothing_and_of_nonsense_raises_nothing() -> None:
    for nodes, edges in (([], []), ([{}], [{}]), ([{"id": 5, "type": []}], [{"sourceNodeId": {}}])):
        graph = build_graph(nodes, edges)
        assert validate_graph(graph)["isValid"] is False
        for ask in (detect_cycles, topological_sort):
            ask(graph)


# ---- on the running system


@pytest.fixture
async def store(lab: Lab) -> AsyncIterator[FlowStore]:
    async with asyncpg.create_pool(lab.postgres, min_size=1, max_size=2) as pool:
        yield FlowStore(pool)


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[AutomationClient]:
    async with AutomationClient(lab.kafka) as connected:
        yield connected


@pytest.mark.services
async def test_the_flow_store_keeps_drafts_and_publishes_them(lab: Lab, store: FlowStore) -> None:
    user = f"u-{uuid4()}"
    flow = await store.create_flow({"name": "by store", "userId": user, "triggerType": "event"})
    found = await store.get_flow(flow["id"])
    assert found is not None
    assert found["name"] == "by store"
    assert [one["id"] for one in await store.list_flows_for_user(user)] == [flow["id"]]
    assert (await store.update_flow(flow["id"], {"description": "d"}))["description"] == "d"
    for node in NODES:
        await store.save_node({**node, "flowId": flow["id"]})
    for edge in EDGES:
        await store.save_edge({**edge, "flowId": flow["id"]})
    await store.save_node({**NODES[3], "id": "extra", "flowId": flow["id"]})
    await store.delete_node(flow["id"], "extra")
    await store.save_edge({**EDGES[3], "id": "extra", "flowId": flow["id"]})
    await store.delete_edge(flow["id"], "extra")
    assert [node["id"] for node in await store.get_nodes(flow["id"])] == ["t", "c", "d", "n"]
    assert [edge["id"] for edge in await store.get_edges(flow["id"])] == ["1", "2", "3", "4"]
    published = await store.publish_flow(flow["id"])
    assert (published["version"], published["status"], published["isActive"]) == (1, "published", True)
    await asyncio.sleep(1.5)  # the audit brings it to Kafka, and workers run it within a second
    sent = event("email_open", user, contactId="c")
    lab.send(sent)
    lab.begun(execution_id(flow["id"], sent, ("contact", "c")))
    await store.delete_flow(flow["id"])
    assert await store.get_flow(flow["id"]) is None
    assert lab.ended(execution_id(flow["id"], sent, ("contact", "c")))["endReason"] == "archived"


@pytest.mark.services
async def test_the_client_emits_starts_and_hears(lab: Lab, client: AutomationClient) -> None:
    contact = str(uuid4())
    heard: dict[str, list[dict[str, Any]]] = {"event": [], "command": [], "execution": []}
    await asyncio.gather(
        client.on_event("email_open", heard["event"].append),
        client.on_command("list_builder", heard["command"].append),
        client.on_execution(heard["execution"].append),
    )
    sent = event("email_open", "u-diamond", contactId=contact)
    assert await client.emit_automation_event(sent) == sent["id"]
    execution = execution_id(flow_id("u-diamond", "diamond"), sent, ("contact", contact))

    def heard_all() -> bool:
        return (
            any(one["id"] == sent["id"] for one in heard["event"])
            and any(one["executionId"] == execution for one in heard["command"])
            and any(one.get("executionId") == execution and one["endReason"] for one in heard["execution"])
        )

    async with asyncio.timeout(20):
        while not heard_all():  # noqa: ASYNC110 -- three handlers, and no other sign
            await asyncio.sleep(0.05)
    assert await client.get_execution_progress(execution) == {
        "completedSteps": 4, "totalSteps": 4, "currentStatus": "succeeded"
    }  # fmt: skip
    assert await client.get_execution_progress(str(uuid4())) is None


@pytest.mark.services
@pytest.mark.parametrize("name", ["manual_trigger_flow", "start_execution"])
async def test_the_client_starts_a_flow_by_hand(lab: Lab, client: AutomationClient, name: str) -> None:
    flow, contact = flow_id("u-manual", "by hand"), str(uuid4())
    execution = await getattr(client, name)(flow, {"contactId": contact, "tag": "x"})
    end = lab.ended(execution)
    assert execution == derived("x", flow, "mal", "contact", contact, end["trigger"]["eventId"])
    with pytest.raises(ValueError, match="no such flow"):
        await client.manual_trigger_flow("no such flow", {"contactId": contact})


@pytest.mark.services
async def test_one_idempotency_key_is_one_execution(lab: Lab, client: AutomationClient) -> None:
    flow, key = flow_id("u-manual", "by hand"), str(uuid4())
    context = {"contactId": str(uuid4()), "tag": "x"}
    ids = {await client.manual_trigger_flow(flow, context, idempotency_key=key) for _ in range(3)}
    (execution,) = ids
    assert execution == derived("x", flow, "mal", "contact", context["contactId"], key)
    lab.ended(execution)
    lab.decision(key)
    assert len(lab.commands(execution)) == 1
