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

from dev.parts import mal
from engine.ids import command_id, execution_id
from engine.types import FlowId, NodeId, Subject
from tests.support.flows import event, version
from tests.support.pipeline import Pipeline, header, running_pipeline
from tests.support.processes import READY_SECONDS, Process, frozen

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
    with frozen(pipeline.broker.pid):
        worker.signal(signal.SIGTERM)
        # Its transaction is aborted by whoever has the shard next: it need not let go in order.
        assert await worker.ended(DRAIN_SECONDS) == 0
    sending.cancel()
    await asyncio.wait([sending])


@pytest.mark.parametrize("command", ["worker", "audit"])
async def test_also_before_kafka_has_answered_at_all_it_ends_in_time(tmp_path: Path, command: str) -> None:
    called = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        kafka = {
            "MAL_KAFKA_BOOTSTRAP_SERVERS": f"{host}:{port}",
            "MAL_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/",
        }
        process = Process(mal(command, command), tmp_path, {**os.environ, **kafka})
        process.start()
        try:
            async with asyncio.timeout(READY_SECONDS):
                await called.wait()
            process.signal(signal.SIGTERM)
            assert await process.ended(DRAIN_SECONDS) == 0, process.log.read_text()
        finally:
            process.stop()


# Moments of a start, which no line tells apart: topics are read, the group is joined, shards are restored.
@pytest.mark.parametrize("later_seconds", [0.0, 0.4, 0.8, 1.6])
async def test_also_in_the_middle_of_its_start_it_ends_in_time(pipeline: Pipeline, later_seconds: float) -> None:
    worker = pipeline.worker()
    worker.start()
    async with asyncio.timeout(READY_SECONDS):
        while "health and metrics are at" not in worker.log.read_text():  # noqa: ASYNC110 -- bounded above
            await asyncio.sleep(0.01)
    await asyncio.sleep(later_seconds)
    with frozen(pipeline.broker.pid):
        worker.signal(signal.SIGTERM)
        assert await worker.ended(DRAIN_SECONDS) == 0, worker.log.read_text()
