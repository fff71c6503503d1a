"""Every node type through a worker on a real Kafka: a flow of each, its step on the feed and its command."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from engine.flow import FlowVersion
from engine.nodes.base import ActionType, TriggerType
from engine.nodes.registry import node_types
from engine.systems import BY_COMMAND_TYPE, BY_EVENT_TYPE
from streams.client import AutomationClient
from streams.topics import EXECUTIONS
from tests.support.flows import event, version
from tests.support.node_cases import THROUGH_KAFKA
from tests.support.pipeline import Pipeline, values

pytestmark = pytest.mark.services

USER = "user_types"
NOTE = ("log_event", {"message": "ran"})
OPENED = {"contactId": "everybody", "campaignId": "k of others"}
DAY_MS = 86_400_000
Told = dict[str, list[dict[str, Any]]]


def flow_of(name: str) -> FlowVersion:
    """A flow in which a type has its place: it starts the flow, or follows an open."""
    kind, config = node_types()[name], THROUGH_KAFKA[name].config
    nodes: dict[str, Any] = {"node": (name, config), "note": NOTE}
    if isinstance(kind, TriggerType):
        return version(nodes, "node>note", flow_id=f"type of {name}", user_id=USER)
    edges = f"t>node node>note:{THROUGH_KAFKA[name].port}" if kind.kind == "condition" else "t>node node>note"
    trigger = ("email_open", {"campaignId": OPENED["campaignId"]})
    return version({"t": trigger, **nodes}, edges, flow_id=f"type of {name}", user_id=USER)


def events() -> list[dict[str, Any]]:
    """What starts each trigger, and one open that starts all others."""
    found, opened = [], dict(OPENED)
    for name, kind in node_types().items():
        given = THROUGH_KAFKA[name].given
        if not isinstance(kind, TriggerType):
            opened |= given or {}
        elif given is not None:
            found.append(event(name, BY_EVENT_TYPE[name].sources[-1], USER, **given))
    return [{**one, "id": f"starts {one['type']}"} for one in found] + [event("email_open", user=USER, **opened)]


@pytest.fixture(scope="module")
def told(working: Pipeline) -> Told:
    """All that the feed tells of each flow, by its id, once each has ended."""
    return asyncio.run(play(working))


async def play(pipeline: Pipeline) -> Told:
    slots_since_ms = time.time_ns() // 1_000_000 - 2 * DAY_MS
    for name in node_types():
        await pipeline.publish(flow_of(name), at_ms=slots_since_ms)
    last = version({"t": ("email_reply", {"campaignId": "k of probes"})}, "", flow_id="last", user_id=USER)
    await pipeline.publish(last)
    async with pipeline.reading(EXECUTIONS) as reading, asyncio.timeout(60):
        probe = event("email_reply", user=USER, contactId="probe", campaignId="k of probes")
        while not any(record.get("flowId") == "last" for record in values(reading.records)):
            await pipeline.send({**probe, "id": f"probe {time.monotonic()}"})
            await reading.more()
        await pipeline.send(*events())
        async with AutomationClient(pipeline.kafka["bootstrap_servers"]) as client:
            await client.manual_trigger_flow("type of manual_trigger", {"contactId": "by hand"})
        while True:
            found: Told = {f"type of {name}": [] for name in node_types()}
            for record in values(reading.records):
                found.get(record["flowId"], []).append(record)
            if all(any(record.get("endReason") for record in story) for story in found.values()):
                return found
            await reading.more()


@pytest.mark.parametrize("name", node_types())
def test_a_worker_runs_it(told: Told, name: str) -> None:
    kind, case = node_types()[name], THROUGH_KAFKA[name]
    steps = {step["nodeId"]: step for record in told[f"type of {name}"] for step in record.get("steps", ())}
    step = steps["node"]
    assert (step["type"], step["subtype"], step["error"]) == (kind.kind, name, None)
    assert (step["status"], step["port"]) == ("succeeded", case.port)
    assert steps["note"]["status"] == "succeeded"
    assert len(step["commandIds"]) == (isinstance(kind, ActionType) and kind.command is not None)


@pytest.mark.parametrize(
    "name", [name for name, kind in node_types().items() if isinstance(kind, ActionType) and kind.command]
)
async def test_its_command_is_on_the_topic_of_its_system(working: Pipeline, told: Told, name: str) -> None:
    topic = BY_COMMAND_TYPE[name].commands_topic
    assert topic is not None
    steps = [step for record in told[f"type of {name}"] for step in record["steps"] if step["nodeId"] == "node"]
    async with working.reading(topic) as reading:
        await reading.until(1, 20, lambda record: steps[-1]["commandIds"][0].encode() in record.value)
        (command,) = [one for one in values(reading.records) if one["id"] == steps[-1]["commandIds"][0]]
    assert (command["type"], command["flowId"], command["subject"]["id"]) == (name, f"type of {name}", "everybody")
