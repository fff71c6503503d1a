"""Flows that flows start, on a real Kafka: through the log, about the same subject, by their own entry rules."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from engine import ids
from engine.flow import FlowVersion
from engine.types import ExecutionId, FlowId, NodeId, Subject
from streams.topics import TRIGGERS
from tests.integration.test_worker import COMMANDS, command_of, feed_of, in_force, opened
from tests.support.flows import version
from tests.support.pipeline import Pipeline, values

pytestmark = pytest.mark.services

WAIT = ("delay", {"delaySeconds": 100})  # a second: MAL_TIME_SCALE is 100


def parent(name: str, child: str, nodes: dict[str, Any] | None = None, edges: str = "", **config: Any) -> FlowVersion:
    trigger, run = ("email_open", {"campaignId": f"k-{name}"}), ("run_flow", {"flowId": child, **config})
    return version({"t": trigger, "run": run, **(nodes or {})}, f"t>run {edges}", flow_id=name)


def child(name: str, nodes: dict[str, Any], edges: str, **settings: Any) -> FlowVersion:
    return version({"t": ("manual_trigger", {}), **nodes}, edges, flow_id=name, settings=settings)


async def test_it_runs_about_the_same_contact_and_its_parent_does_not_wait(working: Pipeline) -> None:
    tag = ("tag_contact", {"tag": "of {{ event.campaignId }}"})
    await working.publish(child("calm", {"w": WAIT, "tag": tag}, "t>w w>tag"))
    await in_force(working, parent("busy", "calm"), "k-busy")
    await working.send(opened("ria", "k-busy", "e-ria"))
    told = await feed_of(working, "ria", 3)
    (mother,), story = [[one for one in told if one["flowId"] == flow] for flow in ("busy", "calm")]
    event_id = ids.sub_flow_event_id(ExecutionId(mother["executionId"]), NodeId("run"), 1)
    execution = ids.execution_id(FlowId("calm"), "mal", Subject("contact", "ria"), event_id)
    assert (mother["status"], mother["endReason"]) == ("succeeded", "completed")
    assert mother["steps"][1]["output"] == {"flowId": "calm", "executionId": execution}
    assert {one["executionId"] for one in story} == {execution}
    assert [(one["seq"], one["status"]) for one in story] == [(1, "running"), (2, "succeeded")]
    assert (story[0]["subject"], story[0]["origin"]) == (mother["subject"], "manual")
    assert story[0]["trigger"].items() >= {"eventId": event_id, "type": "manual_trigger", "source": "mal"}.items()
    assert story[0]["input"]["topic"] == TRIGGERS
    (command,) = values([await command_of(working, "ria")])
    assert (command["payload"]["tag"], command["flowId"]) == ("of k-busy", "calm")
    assert command["cause"] == {"eventId": event_id, "depth": 2}


async def test_one_that_is_waited_for_goes_before_what_follows_and_its_failure_is_the_step_s(working: Pipeline) -> None:
    fails = ("create_release_task", {"title": "t", "releaseIdField": "event.none"})
    await working.publish(child("slow", {"w": WAIT, "n": ("log_event", {"message": "done"})}, "t>w w>n"))
    await working.publish(child("lame", {"w": WAIT, "f": fails}, "t>w w>f"))
    tag = {"tag": ("tag_contact", {"tag": "after {{ steps.run.output.steps.n.output.message }}"})}
    await in_force(working, parent("patient", "slow", tag, "run>tag", wait=True, version=1), "k-patient")
    await in_force(working, parent("unlucky", "lame", tag, "run>tag", wait=True, version=1), "k-unlucky")
    await working.send(opened("uma", "k-patient", "e-uma"), opened("vic", "k-unlucky", "e-vic"))
    for contact, flow_id, status in (("uma", "patient", "succeeded"), ("vic", "unlucky", "failed")):
        story = [one for one in await feed_of(working, contact, 4) if one["flowId"] == flow_id]
        assert [one["status"] for one in story] == ["running", status]
        assert [wait["for"] for wait in story[0]["waiting"]] == ["child"]
        run = next(step for step in story[1]["steps"] if step["nodeId"] == "run")
        assert (run["error"] or {}).get("code") == (None if status == "succeeded" else "sub_flow_failed")
    (command,) = values([await command_of(working, "uma")])
    assert command["payload"]["tag"] == "after done"


async def test_its_entry_rules_are_its_own_and_what_keeps_it_out_is_told(working: Pipeline) -> None:
    note = {"n": ("log_event", {"message": "once"})}
    await working.publish(child("once-ever", note, "t>n", entry={"rule": "once"}))
    await in_force(working, parent("again", "once-ever"), "k-again")
    for number in range(3):
        await working.send(opened("sue", "k-again", f"e-sue-{number}"))
    told = await feed_of(working, "sue", 6)
    assert Counter((one["flowId"], one.get("reason", "started")) for one in told) == {
        ("again", "started"): 3, ("once-ever", "started"): 1, ("once-ever", "already_entered"): 2,
    }  # fmt: skip


async def test_one_that_is_not_published_or_not_to_be_started_by_hand_is_told(working: Pipeline) -> None:
    await in_force(working, parent("lost", "nowhere"), "k-lost")
    await in_force(working, parent("wrong", "lost"), "k-wrong")
    await working.send(opened("tom", "k-lost", "e-tom-1"), opened("tom", "k-wrong", "e-tom-2"))
    told = await feed_of(working, "tom", 4)
    assert Counter((one["flowId"], one.get("reason", one.get("status"))) for one in told) == {
        ("lost", "succeeded"): 1, ("wrong", "succeeded"): 1, ("nowhere", "not_published"): 1, ("lost", "not_manual"): 1,
    }  # fmt: skip


async def test_each_parent_starts_its_sub_flow_once_also_over_a_kill_9(working: Pipeline) -> None:
    contacts = [f"many-{number}" for number in range(2_000)]
    tag = {"tag": ("tag_contact", {"tag": "sub"})}
    await working.publish(child("tags", tag, "t>tag"))
    await in_force(working, parent("many", "tags"), "k-many")
    async with working.reading(COMMANDS) as reading:

        def is_ours(record: Any) -> bool:
            return bool(record.key.startswith(b"many-"))

        sending = asyncio.create_task(
            working.stream((opened(one, "k-many", f"e-{one}") for one in contacts), rate=1_500)
        )
        await reading.until(200, 30, is_ours)
        (worker,) = working.workers
        worker.kill()
        await worker.begin()
        await sending
        await reading.until(len(contacts), 60, is_ours)
        await reading.settle()
        commands = Counter(record.key.decode() for record in reading.records if is_ours(record))
    assert commands == dict.fromkeys(contacts, 1)
    of_many = await working.told(
        lambda one: one["flowId"] in {"many", "tags"} and one["subject"]["id"] in set(contacts), 2 * len(contacts)
    )
    assert Counter(one["flowId"] for one in of_many) == {"many": len(contacts), "tags": len(contacts)}
    assert {one["status"] for one in of_many} == {"succeeded"}
