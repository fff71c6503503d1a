"""One worker on a real Kafka: what goes in, and what a read_committed reader sees of it."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import orjson
import pytest

from engine.flow import FlowVersion
from engine.ids import command_id, execution_id
from engine.types import FlowId, NodeId, Subject
from streams.client import AutomationClient
from streams.partitioner import partition_for
from streams.topics import COMMAND_RESULTS, DEAD_LETTERS, EXECUTIONS, TRIGGERS
from tests.support.flows import event, version
from tests.support.pipeline import PARTITIONS, Pipeline, header, values

pytestmark = pytest.mark.services

COMMANDS = "tap.list-builder.commands"
OPENS = "tap.email-engine.events"
SECOND = 1.0


def tagging(flow_id: str, campaign: str, **more: Any) -> FlowVersion:
    nodes = {"opened": ("email_open", {"campaignId": campaign}), "tag": ("tag_contact", {"tag": f"tag of {flow_id}"})}
    return version({**nodes, **more.pop("nodes", {})}, more.pop("edges", "opened>tag"), flow_id=flow_id, **more)


def opened(contact: str, campaign: str, identity: str) -> dict[str, Any]:
    return {**event("email_open", contactId=contact, campaignId=campaign), "id": identity}


async def feed_of(pipeline: Pipeline, contact: str, count: int, within_seconds: float = 20.0) -> list[dict[str, Any]]:
    """The records of the feed about a contact, once there are so many."""
    async with pipeline.reading(EXECUTIONS) as reading, asyncio.timeout(within_seconds):
        while True:
            await reading.more()
            found = [record for record in values(reading.records) if (record["subject"] or {}).get("id") == contact]
            if len(found) >= count:
                return found


async def in_force(pipeline: Pipeline, flow: FlowVersion, campaign: str) -> None:
    """Publish a flow, and return when the worker runs it; opens of probes show it, which nobody else looks at."""
    await pipeline.publish(flow)
    async with pipeline.reading(EXECUTIONS) as reading, asyncio.timeout(10):
        for number in itertools.count():
            await pipeline.send(opened(f"probe-{number}", campaign, f"probe {number} of {flow.flow_id}"))
            await reading.more()
            if any(record.get("flowId") == flow.flow_id for record in values(reading.records)):
                return


async def command_of(pipeline: Pipeline, contact: str, within_seconds: float = 20.0) -> Any:
    """The first command about a contact."""
    async with pipeline.reading(COMMANDS) as reading, asyncio.timeout(within_seconds):
        while True:
            await reading.more(20)
            for record in reading.records:
                if record.key == contact.encode():
                    return record


async def test_an_open_is_a_command_within_a_second(working: Pipeline) -> None:
    await in_force(working, tagging("prompt", "k-prompt"), "k-prompt")
    sent_at = time.monotonic()
    await working.send(opened("ada", "k-prompt", "e-ada"))
    record = await command_of(working, "ada")
    assert time.monotonic() - sent_at < SECOND
    execution = execution_id(FlowId("prompt"), "email_engine", Subject("contact", "ada"), "e-ada")
    command = orjson.loads(record.value)
    assert command["id"] == command_id(execution, NodeId("tag"), 1, 0)
    assert (command["type"], command["target"], command["attempt"]) == ("tag_contact", "list_builder", 1)
    assert command["cause"] == {"eventId": "e-ada", "depth": 1}
    assert command["payload"] == {"contactId": "ada", "tag": "tag of prompt"}
    assert {name: header(record, name) for name, _ in record.headers} == {
        "content-type": "application/json", "ce_specversion": "1.0", "ce_id": f"{command['id']}.1",
        "ce_type": "tag_contact", "ce_source": "mal", "ce_time": command["issuedAt"],
    }  # fmt: skip
    assert record.partition == partition_for(b"ada", PARTITIONS)


async def test_the_same_event_again_changes_nothing_and_is_recorded(working: Pipeline) -> None:
    await in_force(working, tagging("again", "k-again"), "k-again")
    await working.send(opened("ben", "k-again", "e-ben"))
    await feed_of(working, "ben", 1)
    await working.send(opened("ben", "k-again", "e-ben"))
    started, decision = await feed_of(working, "ben", 2)
    assert started["status"] == "succeeded"
    assert (decision["decision"], decision["reason"], decision["eventId"]) == ("suppressed", "duplicate_event", "e-ben")


async def test_a_record_that_cannot_be_read_is_kept_and_the_stream_goes_on(working: Pipeline) -> None:
    await in_force(working, tagging("malformed", "k-malformed"), "k-malformed")
    poison = b'{"type": "email_open", "payload": '
    await working.put(OPENS, b"cleo", poison, headers=[("trace", b"\x01")])
    await working.send(opened("cleo", "k-malformed", "e-cleo"))
    await feed_of(working, "cleo", 1)
    (letter,) = [record for record in await working.read(DEAD_LETTERS, 1) if record.key == b"cleo"]
    assert letter.value == poison
    assert header(letter, "topic") == OPENS
    assert header(letter, "partition") == str(partition_for(b"cleo", PARTITIONS))
    assert header(letter, "error")
    assert dict(letter.headers)["trace"] == b"\x01"


async def test_an_event_in_the_wrong_place_is_decided_at_home_once(working: Pipeline) -> None:
    await in_force(working, tagging("astray", "k-astray"), "k-astray")
    astray = opened("dan", "k-astray", "e-dan")
    elsewhere = (partition_for(b"dan", PARTITIONS) + 1) % PARTITIONS
    then_ms = 1_790_000_000_000
    await working.put(OPENS, b"somebody else", orjson.dumps(astray), partition=elsewhere, timestamp_ms=then_ms)
    (record,) = await feed_of(working, "dan", 1)
    assert record["input"]["topic"] == OPENS
    assert record["input"]["partition"] == elsewhere
    (moved,) = [one for one in await working.read(TRIGGERS, 1) if one.key == b"dan"]
    assert (moved.partition, moved.timestamp) == (partition_for(b"dan", PARTITIONS), then_ms)


async def test_what_is_told_of_a_campaign_reaches_every_shard(working: Pipeline) -> None:
    ask = ("if_campaign_status", {"expectedStatus": "playlisted"})
    await in_force(working, tagging("told", "k-told", nodes={"ask": ask}, edges="opened>ask ask>tag:true"), "k-told")
    moved = event("campaign_status_changed", "tracker", contactId="eva", campaignId="k-told", newStatus="playlisted")
    await working.send({**moved, "id": "e-moved"})
    async with asyncio.timeout(20):
        for attempt in range(100):
            await working.send(opened(f"finn-{attempt}", "k-told", f"e-finn-{attempt}"))
            (record,) = await feed_of(working, f"finn-{attempt}", 1)
            if any(step["nodeId"] == "tag" and step["status"] == "succeeded" for step in record["steps"]):
                return


async def test_a_wait_for_an_event_hears_it_and_another_times_out(working: Pipeline) -> None:
    wait = ("wait_for_event", {"type": "email_reply", "match": {"campaignId": "k-hears"}, "timeoutSeconds": 500})
    late = ("tag_contact", {"tag": "silent"})
    edges = "opened>wait wait>tag:event wait>late:timeout"
    flow = tagging("hears", "k-hears", nodes={"wait": wait, "late": late}, edges=edges)
    await in_force(working, flow, "k-hears")
    await working.send(opened("ivo", "k-hears", "e-ivo"), opened("jan", "k-hears", "e-jan"))
    for contact in ("ivo", "jan"):
        (record,) = await feed_of(working, contact, 1)
        assert [one["for"] for one in record["waiting"]] == ["event"]
    await working.send({**event("email_reply", contactId="ivo", campaignId="k-hears"), "id": "r-ivo"})
    (_, heard), (_, silent) = await feed_of(working, "ivo", 2), await feed_of(working, "jan", 2)
    assert [(step["nodeId"], step["port"]) for step in heard["steps"][:2]] == [("wait", "event"), ("tag", "out")]
    assert [(step["nodeId"], step["port"]) for step in silent["steps"][:2]] == [("wait", "timeout"), ("late", "out")]
    assert heard["input"]["topic"] == OPENS
    assert "input" not in silent


async def test_an_awaited_command_is_tried_again_and_its_answer_read(working: Pipeline) -> None:
    options = {"awaitResult": True, "retry": {"initialSeconds": 50}}
    ask = ("tag_contact", {"tag": "first"}, options)
    tag = ("tag_contact", {"tag": "{{ steps.ask.output.tagId }}"})
    await in_force(
        working, tagging("asks", "k-asks", nodes={"ask": ask, "tag": tag}, edges="opened>ask ask>tag"), "k-asks"
    )
    await working.send(opened("kim", "k-asks", "e-kim"))
    command = orjson.loads((await command_of(working, "kim")).value)
    answer = {
        "commandId": command["id"],
        "attempt": 1,
        "status": "failed",
        "retryable": True,
        "error": {"code": "busy"},
    }
    await working.put(COMMAND_RESULTS, b"kim", orjson.dumps(answer))
    asked, failed, again = await feed_of(working, "kim", 3)
    assert [record["waiting"][0]["for"] for record in (asked, failed, again)] == ["answer", "retry", "answer"]
    assert (failed["input"]["topic"], again["steps"][0]["try"]) == (COMMAND_RESULTS, 2)
    for _ in range(2):
        answer = {"commandId": command["id"], "attempt": 2, "status": "succeeded", "output": {"tagId": "tag_7"}}
        await working.put(COMMAND_RESULTS, b"kim", orjson.dumps(answer))
    *_, ended, late = await feed_of(working, "kim", 5)
    assert (ended["status"], ended["steps"][0]["output"]["tagId"]) == ("succeeded", "tag_7")
    assert (late["reason"], late["commandId"]) == ("late_result", command["id"])
    sent = [orjson.loads(record.value) for record in await working.read(COMMANDS, 1) if record.key == b"kim"]
    assert [(one["id"] == command["id"], one["attempt"]) for one in sent] == [(True, 1), (True, 2), (False, 1)]
    assert (sent[1]["payload"], sent[2]["payload"]["tag"]) == (sent[0]["payload"], "tag_7")


async def test_a_goal_is_counted_and_an_exit_rule_ends_at_once(working: Pipeline) -> None:
    wait = ("delay", {"delaySeconds": 100_000})
    drawn = tagging("aims", "k-aims", nodes={"wait": wait}, edges="opened>wait wait>tag")
    mine = {"campaignId": "{{ event.campaignId }}"}
    aims = {
        "goal": {"event": {"type": "email_reply", "match": mine}},
        "exitWhen": [{"condition": {"subtype": "if_tag_present", "config": {"tag": "gone"}}}],
    }
    await in_force(working, drawn.model_copy(update={"settings": aims}), "k-aims")
    await working.send(opened("lea", "k-aims", "e-lea"), opened("max", "k-aims", "e-max"))
    for contact in ("lea", "max"):
        await feed_of(working, contact, 1)
    await working.send(
        {**event("email_reply", contactId="lea", campaignId="k-aims"), "id": "r-lea"},
        {**event("contact_tagged", "list_builder", contactId="max", tag="gone"), "id": "t-max"},
    )
    started, counted, reached = await feed_of(working, "lea", 3)
    assert (counted["decision"], counted["reason"], counted["executionId"]) == (
        "counted", "goal", started["executionId"],
    )  # fmt: skip
    assert (reached["status"], reached["endReason"], reached["waiting"]) == ("succeeded", "goal", [])
    _, left = await feed_of(working, "max", 2)
    assert (left["endReason"], left["input"]["topic"]) == ("exited", "tap.list-builder.events")


async def test_a_wait_of_a_week_passes_in_its_scaled_time_and_not_before(working: Pipeline) -> None:
    wait = ("delay", {"delaySeconds": 200})
    flow = tagging("waits", "k-waits", nodes={"wait": wait}, edges="opened>wait wait>tag")
    await in_force(working, flow, "k-waits")
    await working.send(opened("gia", "k-waits", "e-gia"))
    first, second = await feed_of(working, "gia", 2)
    assert first["status"] == "running"
    assert first["waiting"][0]["for"] == "delay"
    assert (second["status"], second["seq"], second["timeScale"]) == ("succeeded", 2, 100.0)
    assert second["finishedAt"] >= first["waiting"][0]["until"]
    (waited,) = [step for step in second["steps"] if step["nodeId"] == "wait"]
    assert waited["finishedAt"] == first["waiting"][0]["until"]


async def test_a_flow_is_started_by_hand_and_the_client_follows_it(working: Pipeline) -> None:
    await in_force(working, tagging("by-hand", "k-by-hand"), "k-by-hand")
    async with AutomationClient(working.kafka["bootstrap_servers"]) as client:
        execution = await client.manual_trigger_flow("by-hand", {"contactId": "hal"})
        (record,) = await feed_of(working, "hal", 1)
        assert record["executionId"] == execution
        assert (record["origin"], record["trigger"]["type"]) == ("manual", "manual_trigger")
        assert await client.get_execution_progress(execution) == {
            "completedSteps": 2, "totalSteps": 2, "currentStatus": "succeeded",
        }  # fmt: skip


async def test_an_event_of_another_scope_reaches_nothing(working: Pipeline) -> None:
    await in_force(working, tagging("scoped", "k-scoped"), "k-scoped")
    foreign = {**opened("ida", "k-scoped", "e-foreign"), "metadata": {"userId": "user_002"}}
    nobody = {**opened("ida", "k-scoped", "e-nobody"), "metadata": None}
    await working.send(foreign, nobody, opened("ida", "k-scoped", "e-ours"))
    decision, started = await feed_of(working, "ida", 2)
    assert (decision["reason"], decision["eventId"]) == ("unscoped", "e-nobody")
    assert started["trigger"]["eventId"] == "e-ours"
