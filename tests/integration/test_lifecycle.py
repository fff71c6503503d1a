"""What a publish does to what runs, on a real Kafka with a worker: ended at once, or on by the new version."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from engine.flow import FlowVersion
from streams.topics import EXECUTIONS
from tests.support.flows import event, version
from tests.support.pipeline import Pipeline, values

pytestmark = pytest.mark.services


def flow(name: str, number: int) -> FlowVersion:
    """Version n waits 3 s (MAL_TIME_SCALE is 100), then tags with its number."""
    return version(
        {
            "opened": ("email_open", {"campaignId": f"k-{name}"}),
            "wait": ("delay", {"delaySeconds": 300}),
            "tag": ("tag_contact", {"tag": f"version {number}"}),
        },
        "opened>wait wait>tag",
        flow_id=name,
        number=number,
    )


async def feed_of(pipeline: Pipeline, name: str) -> list[dict[str, Any]]:
    async with pipeline.reading(EXECUTIONS) as reading:
        await reading.settle()
        return [record for record in values(reading.records) if record.get("flowId") == name]


async def started(pipeline: Pipeline, name: str) -> None:
    """Publish the first version, and open until an execution of it waits."""
    await pipeline.publish(flow(name, 1))
    async with asyncio.timeout(20):
        for number in range(100):
            opened = event("email_open", contactId=f"contact of {name}", campaignId=f"k-{name}")
            await pipeline.send({**opened, "id": f"e-{number}"})
            if await feed_of(pipeline, name):
                return


async def ended(pipeline: Pipeline, name: str) -> dict[str, Any]:
    """The record that ends the execution that started first."""
    async with asyncio.timeout(20):
        while True:
            feed = await feed_of(pipeline, name)
            first = [record for record in feed if record["executionId"] == feed[0]["executionId"]]
            if first[-1]["endReason"]:
                return first[-1]


async def test_a_publish_that_exits_ends_what_runs_at_once(working: Pipeline) -> None:
    await started(working, "exits")
    at_ms = time.time_ns() // 1_000_000
    await working.publish(flow("exits", 1), flow("exits", 2), at_ms=at_ms, policy="exit")
    record = await ended(working, "exits")
    assert (record["endReason"], record["flowVersion"], record["seq"]) == ("version_exit", 1, 2)


async def test_a_publish_that_migrates_has_what_runs_go_on_by_it(working: Pipeline) -> None:
    await started(working, "migrates")
    at_ms = time.time_ns() // 1_000_000
    await working.publish(flow("migrates", 1), flow("migrates", 2), at_ms=at_ms, policy="migrate")
    record = await ended(working, "migrates")
    assert (record["endReason"], record["flowVersion"]) == ("completed", 2)
    (tagged,) = [step for step in record["steps"] if step["nodeId"] == "tag"]
    assert tagged["input"]["tag"] == "version 2"
