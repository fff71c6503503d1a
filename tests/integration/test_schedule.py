"""What the clock starts, on a real Kafka: each slot once however many workers, what went by, and all of a segment."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from engine.flow import FlowVersion
from engine.ids import slot_event_id
from engine.types import FlowId
from engine.wire import rfc3339
from streams.topics import EXECUTIONS
from tests.support.flows import event, version
from tests.support.pipeline import Pipeline, values

pytestmark = pytest.mark.services

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NOTE = ("log_event", {"message": "{{ event.slot }} {{ contact.id }}"})


def slots_gone_by(hours: int) -> tuple[str, int, list[str]]:
    """A cron expression of hourly slots, half an hour away from now; since when, and the slots since."""
    last_ms = (time.time_ns() // 1_000_000 - HOUR_MS // 2) // MINUTE_MS * MINUTE_MS
    slots = [last_ms - hour * HOUR_MS for hour in reversed(range(hours))]
    return f"{last_ms // MINUTE_MS % 60} * * * *", slots[0] - MINUTE_MS, [rfc3339(slot) for slot in slots]


def scheduled(flow_id: str, cron: str, **config: Any) -> FlowVersion:
    return version({"t": ("schedule", {"cron": cron, **config}), "n": NOTE}, "t>n", flow_id=flow_id)


async def of_flow(pipeline: Pipeline, flow_id: str, count: int, within_seconds: float = 30.0) -> list[dict[str, Any]]:
    return await pipeline.told(lambda record: record.get("flowId") == flow_id, count, within_seconds)


async def begin(pipeline: Pipeline, *names: str) -> None:
    workers = [pipeline.worker(name) for name in names]
    for worker in workers:
        worker.start()
    await asyncio.gather(*(worker.ready() for worker in workers))


@pytest.fixture(scope="module")
def gone_by() -> tuple[str, int, list[str]]:
    return slots_gone_by(5)


@pytest.fixture(scope="module")
def working(pipeline: Pipeline, gone_by: tuple[str, int, list[str]]) -> Pipeline:
    """Flows whose slots went by while no worker ran, one whose first slot is the next minute, and two workers since."""

    async def go() -> None:
        cron, since_ms, _slots = gone_by
        for catch_up in ("all", "last", "none"):
            await pipeline.publish(scheduled(f"catches-{catch_up}", cron, catchUp=catch_up), at_ms=since_ms)
        await pipeline.publish(scheduled("minutely", "* * * * *"), at_ms=time.time_ns() // 1_000_000)
        await begin(pipeline, "one", "two")

    asyncio.run(go())
    return pipeline


async def test_what_went_by_while_no_worker_ran_is_made_up_for_as_the_flow_says(
    working: Pipeline, gone_by: tuple[str, int, list[str]]
) -> None:
    _cron, _since_ms, slots = gone_by
    for catch_up, made_up in (("all", slots), ("last", slots[-1:]), ("none", [])):
        flow_id = f"catches-{catch_up}"
        told = await of_flow(working, flow_id, len(slots))
        ran = [record["trigger"]["timestamp"] for record in told if "seq" in record]
        missed = [record["eventId"] for record in told if record.get("reason") == "missed_slot"]
        assert ran == made_up
        assert missed == [slot_event_id(FlowId(flow_id), slot, None) for slot in slots[: len(slots) - len(made_up)]]
        assert {(record["subject"]["type"], record["subject"]["id"]) for record in told} == {("user", "user_001")}
        assert {record["origin"] for record in told if "seq" in record} <= {"schedule"}


async def test_each_member_of_a_segment_is_started_once_also_over_a_kill_9(working: Pipeline) -> None:
    # The slots are chunks of 500 members and more in each of four shards: the kill comes between two of them.
    members = [f"member-{number}" for number in range(4_000)]
    note = ("log_event", {"message": "in"})
    await working.publish(version({"t": ("segment_updated", {}), "n": note}, "t>n", flow_id="joins"))

    def joins(contact: str, **more: Any) -> dict[str, Any]:
        given = {"contactId": contact, "segmentId": "crew", "action": "add", **more}
        return {**event("segment_updated", "list_builder", **given), "id": f"{contact} {more}"}

    await until_in_force(working, "joins", joins("probe", segmentId="probes"))
    left, others = members[:10], [f"other-{number}" for number in range(10)]
    await working.send(*map(joins, members), *(joins(one, segmentId="cast") for one in others))
    await working.send(*(joins(one, action="remove") for one in left))
    of_members = {*members, *others}
    await working.told(
        lambda record: (record["subject"] or {}).get("id") in of_members, len(members) + len(left) + len(others), 60
    )
    cron, since_ms, slots = slots_gone_by(3)
    doomed = working.worker("three")
    await doomed.begin()
    await working.publish(scheduled("drip", cron, segmentId="crew", catchUp="all"), at_ms=since_ms)
    expected = {(contact, slot) for contact in members[10:] for slot in slots}
    first = await of_flow(working, "drip", 1)
    doomed.kill()
    assert 0 < len(first) < len(expected)
    told = await of_flow(working, "drip", len(expected), 90)
    assert Counter((record["subject"]["id"], record["trigger"]["timestamp"]) for record in told) == dict.fromkeys(
        expected, 1
    )
    assert {(record["status"], record["origin"]) for record in told} == {("succeeded", "schedule")}
    assert {record["steps"][1]["output"]["message"] for record in told} == {f"{slot} {one}" for one, slot in expected}


async def test_a_slot_of_now_is_started_once_by_however_many_workers(working: Pipeline) -> None:
    # Two workers, one that was killed, and the shards of it handed over: each minute since then is there once.
    await begin(working, "three")
    now_ms = time.time_ns() // 1_000_000
    slot = rfc3339(now_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS)
    told = await working.told(
        lambda record: record.get("flowId") == "minutely" and record["trigger"]["timestamp"] == slot, 1, 75
    )
    assert told[0]["startedAt"] == slot
    async with working.reading(EXECUTIONS) as reading:
        await reading.settle()
        told = [record for record in values(reading.records) if record.get("flowId") == "minutely"]
    assert set(Counter(record["trigger"]["timestamp"] for record in told).values()) == {1}
    assert all(record["startedAt"] >= record["trigger"]["timestamp"] for record in told)


async def until_in_force(pipeline: Pipeline, flow_id: str, probe: dict[str, Any]) -> None:
    """Return when an event starts a flow; the event is repeated under new ids."""
    async with pipeline.reading(EXECUTIONS) as reading, asyncio.timeout(60):
        for number in range(1_000):
            await pipeline.send({**probe, "id": f"probe {number} of {flow_id}"})
            await reading.more()
            if any(record.get("flowId") == flow_id for record in values(reading.records)):
                return
