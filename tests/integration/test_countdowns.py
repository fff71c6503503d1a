"""Days before a release, on a real Kafka with a worker: by the planner's events and by the date, once, as it moves."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import pytest

from engine.ids import countdown_event_id
from engine.types import FlowId
from engine.wire import rfc3339
from streams.partitioner import partition_for
from tests.integration.test_schedule import until_in_force
from tests.support.flows import event, version
from tests.support.pipeline import PARTITIONS, Pipeline

pytestmark = pytest.mark.services

DAYS = 7
FLOW = "countdown"


def planner_says(release: str, days: float = DAYS, **more: Any) -> dict[str, Any]:
    payload = {"releaseId": release, "daysUntilRelease": days, "releaseName": f"{release} by Nova", **more}
    return {**event("release_approaching", "release_planner", **payload), "id": f"{release} in {days}"}


def context_says(release: str, due_ms: int) -> dict[str, Any]:
    """The date of a release that is so many days away at a moment."""
    date = rfc3339(due_ms + DAYS * 86_400_000)
    told = {"releaseDate": date, "releaseName": release}
    return event("context_updated", "fusion_layer", entityType="release", entityId=release, attributes=told)


def in_seconds(seconds: float) -> int:
    return time.time_ns() // 1_000_000 + round(seconds * 1000)


async def counting(pipeline: Pipeline) -> None:
    note = ("log_event", {"message": "{{ event.releaseName }} in {{ event.daysUntilRelease }}"})
    nodes: dict[str, Any] = {"t": ("release_approaching", {"daysUntilRelease": DAYS}), "n": note}
    await pipeline.publish(version(nodes, "t>n", flow_id=FLOW))
    await until_in_force(pipeline, FLOW, planner_says("probe"))


async def of_release(pipeline: Pipeline, release: str, number: int) -> list[dict[str, Any]]:
    return await pipeline.told(lambda record: (record["subject"] or {}).get("id") == release, number)


def reasons(told: list[dict[str, Any]]) -> list[str]:
    return [record.get("reason", "started") for record in told]


async def test_the_planners_event_starts_it_and_the_date_does_not_again(working: Pipeline) -> None:
    await counting(working)
    await working.send(planner_says("ep", 14), planner_says("ep"))
    (started,) = await of_release(working, "ep", 1)
    assert (started["origin"], started["trigger"]["eventId"]) == ("live", "ep in 7")
    assert started["steps"][1]["output"]["message"] == "ep by Nova in 7"
    await working.send(context_says("ep", in_seconds(2)))
    assert reasons(await of_release(working, "ep", 2)) == ["started", "duplicate_event"]


async def test_a_date_in_context_starts_it_at_its_moment_and_the_planner_does_not_again(working: Pipeline) -> None:
    await counting(working)
    due_ms = in_seconds(2)
    await working.send(context_says("single", due_ms))
    (started,) = await of_release(working, "single", 1)
    assert time.time_ns() // 1_000_000 >= due_ms
    assert (started["origin"], started["startedAt"], started["trigger"]["timestamp"]) == (
        "schedule", rfc3339(due_ms), rfc3339(due_ms),
    )  # fmt: skip
    assert started["trigger"]["eventId"] == countdown_event_id(FlowId(FLOW), "single", DAYS)
    assert started["subject"] == {"type": "release", "id": "single"}
    assert started["steps"][1]["output"]["message"] == "single in 7"
    await working.send(planner_says("single"))
    assert reasons(await of_release(working, "single", 2)) == ["started", "duplicate_event"]


async def test_a_date_that_moves_moves_the_start(working: Pipeline) -> None:
    await counting(working)
    # In one shard, whose clock comes to the moments one after the other: nothing is waited for that does not come.
    shard = partition_for(b"sooner", PARTITIONS)
    later, fence = [
        next(name for number in count() if partition_for((name := f"{word} {number}").encode(), PARTITIONS) == shard)
        for word in ("later", "fence")
    ]
    first_ms, moved_ms = in_seconds(5), in_seconds(3)
    await working.send(context_says("sooner", in_seconds(3_000)), context_says(later, first_ms))
    await working.send(context_says("sooner", moved_ms), context_says(later, in_seconds(3_000)))
    await working.send(context_says(fence, first_ms + 200))
    await of_release(working, fence, 1)
    (started,) = await of_release(working, "sooner", 1)
    assert started["startedAt"] == rfc3339(moved_ms)
    assert await of_release(working, later, 0) == []


async def test_a_countdown_survives_kill_9(pipeline: Pipeline, working: Pipeline) -> None:
    await counting(working)
    due_ms = in_seconds(6)
    await working.send(context_says("album", due_ms), planner_says("told"))
    await of_release(working, "told", 1)
    for worker in pipeline.workers:
        worker.kill()
        await worker.begin()
    (started,) = await of_release(working, "album", 1)
    assert started["trigger"]["timestamp"] == rfc3339(due_ms)
    await working.send(planner_says("album"))
    assert reasons(await of_release(working, "album", 2)) == ["started", "duplicate_event"]
