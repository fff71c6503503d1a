"""What a restart must not lose: waits, versions that executions are pinned to, what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from engine.flow import FlowVersion
from streams.topics import COMMAND_TOPICS, EXECUTIONS, FLOWS
from tests.support.flows import event, version
from tests.support.pipeline import PARTITIONS, Pipeline, running_pipeline, values

pytestmark = pytest.mark.services

COMMANDS = "tap.list-builder.commands"
WAIT_SECONDS = 6.0


def waiting(number: int) -> FlowVersion:
    """Version n waits, then tags with its number."""
    return version(
        {
            "opened": ("email_open", {}),
            "wait": ("delay", {"delaySeconds": WAIT_SECONDS}),
            "tag": ("tag_contact", {"tag": f"version {number}"}),
        },
        "opened>wait wait>tag",
        number=number,
    )


def opened(contact: str) -> dict[str, Any]:
    return {**event("email_open", contactId=contact, campaignId="k1"), "id": f"open of {contact}"}


async def started(pipeline: Pipeline, count: int) -> None:
    async with pipeline.reading(EXECUTIONS) as reading:
        await reading.until(count, 20)


async def once(pipeline: Pipeline, topic: str, count: int) -> list[dict[str, Any]]:
    """The records of a topic, each once. At least once repeats commands that a crash cut off, and they are the same."""
    records = await pipeline.read(topic, count)
    distinct = list({record.value: record for record in records}.values())
    if pipeline.processing == "exactly_once" or topic not in COMMAND_TOPICS:
        assert len(records) == count
    assert len(distinct) == count
    return values(distinct)


async def tags(pipeline: Pipeline, count: int) -> dict[str, str]:
    commands = await once(pipeline, COMMANDS, count)
    return {command["subject"]["id"]: command["payload"]["tag"] for command in commands}


async def opened_until_version(pipeline: Pipeline, number: int) -> dict[str, str]:
    """Open as somebody new until the worker has heard of a version; return the version that each began on."""
    async with pipeline.reading(EXECUTIONS) as reading, asyncio.timeout(20):
        for count in range(1, 1_000):
            await pipeline.send(opened(f"ben-{count}"))
            await reading.until(1 + count, 20)
            told = {one["subject"]["id"]: f"version {one['flowVersion']}" for one in values(reading.records)}
            if f"version {number}" in told.values():
                return told
    raise AssertionError(f"nobody began on version {number}")


@pytest.fixture(params=["exactly_once", "at_least_once"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    # The log cleaner looks all the time, so that a topic can be compacted while a test waits for it.
    properties = {"log.cleaner.backoff.ms": "100"}
    with running_pipeline(tmp_path, properties=properties, MAL_PROCESSING=request.param) as running:
        yield running


async def test_a_wait_survives_kill_9_and_is_over_once_and_not_early(pipeline: Pipeline) -> None:
    await pipeline.publish(waiting(1))
    worker = pipeline.worker()
    await worker.begin()
    await pipeline.send(*(opened(f"contact-{number}") for number in range(20)))
    await started(pipeline, 20)
    worker.kill()
    await worker.begin()
    assert await tags(pipeline, 20) == {f"contact-{number}": "version 1" for number in range(20)}
    feed = await once(pipeline, EXECUTIONS, 40)
    until = {record["executionId"]: record["waiting"][0]["until"] for record in feed if record["seq"] == 1}
    over = {record["executionId"]: record for record in feed if record["seq"] == 2}
    assert len(feed) == len(until) + len(over) == 40
    for execution, record in over.items():
        (wait,) = [step for step in record["steps"] if step["nodeId"] == "wait"]
        assert wait["finishedAt"] == until[execution]


async def compacted(pipeline: Pipeline, topic: str, most: int) -> None:
    """Have a topic compacted, and wait until a reader finds no more than so many records."""
    admin = AIOKafkaAdminClient(**pipeline.kafka)
    await admin.start()
    try:
        # All of them: what is not named here would fall back to the default.
        eager = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=eager)])
    finally:
        await admin.close()
    async with asyncio.timeout(60):
        while True:
            # Only a segment that is closed is cleaned, and only a record closes one.
            await pipeline.put(topic, b"limits/user/nobody", None)
            async with pipeline.reading(topic) as reading:
                await reading.settle()
                if len([record for record in reading.records if record.value is not None]) <= most:
                    return


async def test_a_restart_on_compacted_flows_ends_an_execution_on_version_1_of_3(pipeline: Pipeline) -> None:
    await pipeline.publish(waiting(1))
    worker = pipeline.worker()
    await worker.begin()
    await pipeline.send(opened("ada"))
    await started(pipeline, 1)
    await pipeline.publish(waiting(1), waiting(2))
    await pipeline.publish(waiting(1), waiting(2), waiting(3))
    begun = await opened_until_version(pipeline, 3)
    worker.kill()
    await compacted(pipeline, FLOWS, most=4)  # three versions and a head
    await worker.begin()
    assert begun["ada"] == "version 1"
    assert await tags(pipeline, len(begun)) == begun


@pytest.mark.parametrize("pipeline", ["exactly_once"], indirect=True)
async def test_a_worker_more_than_there_are_shards_waits_in_reserve(pipeline: Pipeline) -> None:
    await pipeline.publish(waiting(1))
    workers = [pipeline.worker(f"worker-{number}") for number in range(PARTITIONS + 1)]
    for worker in workers:
        worker.start()
    await asyncio.gather(*(worker.ready() for worker in workers))
    await pipeline.send(*(opened(f"contact-{number}") for number in range(20)))
    assert len(await tags(pipeline, 20)) == 20
