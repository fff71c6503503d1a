"""On SIGTERM a worker lets go in order within ten seconds, whatever is going on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.ids import command_id, execution_id
from engine.types import FlowId, NodeId, Subject
from tests.support.flows import event, version
from tests.support.pipeline import Pipeline, header, running_pipeline

pytestmark = pytest.mark.services

COMMANDS = "tap.list-builder.commands"
EVENTS = 20_000
DRAIN_SECONDS = 10.0


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path) as running:
        yield running


async def publish(pipeline: Pipeline) -> None:
    await pipeline.publish(version({"t": ("email_open", {}), "a": ("tag_contact", {"tag": "x"})}, "t>a"))


def opens(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {**event("email_open", contactId=f"c{number % 500}", campaignId="k"), "id": f"e{number}"}


def expected(count: int) -> set[str]:
    runs = (
        execution_id(FlowId("flow-1"), "email_engine", Subject("contact", f"c{n % 500}"), f"e{n}") for n in range(count)
    )
    return {f"{command_id(run, NodeId('a'), 1, 0)}.1" for run in runs}


async def test_in_the_middle_of_a_backlog_it_ends_well_and_nothing_is_lost_or_twice(pipeline: Pipeline) -> None:
    await publish(pipeline)
    await pipeline.send(*opens(EVENTS))
    worker = pipeline.worker()
    await worker.begin()
    async with pipeline.reading(COMMANDS) as reading:
        await reading.until(500, 60)
    worker.signal(signal.SIGTERM)
    assert await worker.ended(DRAIN_SECONDS) == 0
    assert "the worker has stopped" in worker.log.read_text()
    async with pipeline.reading(COMMANDS) as reading:
        await reading.settle()
        done = len(reading.records)
    assert 500 <= done < EVENTS, "it was to be asked in the middle"
    worker.stop()
    await worker.begin()
    commands = await pipeline.read(COMMANDS, EVENTS, 120)
    assert Counter(header(record, "ce_id") for record in commands) == dict.fromkeys(expected(EVENTS), 1)


async def test_also_while_kafka_does_not_answer_it_ends_in_time(pipeline: Pipeline) -> None:
    await publish(pipeline)
    worker = pipeline.worker()
    await worker.begin()
    sending = asyncio.create_task(pipeline.stream(opens(EVENTS), 1_000.0))
    async with pipeline.reading(COMMANDS) as reading:
        await reading.until(500, 60)
    assert pipeline.broker.pid is not None
    os.kill(pipeline.broker.pid, signal.SIGSTOP)
    try:
        worker.signal(signal.SIGTERM)
        # Its transaction is aborted by whoever has the shard next, so it may say that it could not let go.
        assert await worker.ended(DRAIN_SECONDS) in {0, 70}
    finally:
        os.kill(pipeline.broker.pid, signal.SIGCONT)
        sending.cancel()
        await asyncio.wait([sending])
