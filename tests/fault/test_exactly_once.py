"""Nothing lost and nothing twice, seen by a read_committed reader, without any guard against repeats but the log's own.

Each event matches a flow of three nodes and must lead to exactly its execution and its command, whatever is done to
the workers meanwhile.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from engine.flow import FlowVersion
from engine.ids import command_id, execution_id
from engine.types import FlowId, NodeId, Subject
from streams.topics import EXECUTIONS
from tests.support.flows import version
from tests.support.pipeline import Pipeline, header, values
from tests.support.processes import Process

pytestmark = [pytest.mark.services, pytest.mark.fault]

COMMANDS = "tap.list-builder.commands"
EVENTS = 20_000
CONTACTS = 2_000
RATE = 2_500.0
BACK_SECONDS = 20.0
"""After a kill -9 commands flow again within so many seconds (contract.md section 7)."""


def three_nodes() -> FlowVersion:
    return version(
        {
            "opened": ("email_open", {}),
            "ask": ("if_field_match", {"field": "engagement.opened", "operator": "equals", "value": True}),
            "tag": ("tag_contact", {"tag": "opened"}),
        },
        "opened>ask ask>tag:true",
    )


def opens(count: int = EVENTS) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "id": f"event-{number}", "type": "email_open", "source": "email_engine",
            "payload": {"emailId": f"m{number}", "campaignId": "k1", "contactId": f"contact-{number % CONTACTS}"},
            "metadata": {"userId": "user_001"},
        }  # fmt: skip


def expected_commands(count: int = EVENTS) -> set[str]:
    executions = (
        execution_id(FlowId("flow-1"), "email_engine", Subject("contact", f"contact-{n % CONTACTS}"), f"event-{n}")
        for n in range(count)
    )
    return {f"{command_id(execution, NodeId('tag'), 1, 0)}.1" for execution in executions}


async def verify(pipeline: Pipeline, count: int = EVENTS) -> None:
    """Each command and each execution is there, and none is there twice."""
    commands = await pipeline.read(COMMANDS, count)
    sent = Counter(header(record, "ce_id") for record in commands)
    assert [name for name, times in sent.items() if times > 1] == []
    assert set(sent) == expected_commands(count)
    feed = values(await pipeline.read(EXECUTIONS, count))
    assert Counter(record.get("status", record.get("reason")) for record in feed) == {"succeeded": count}
    assert len({record["executionId"] for record in feed}) == count
    # A fact of each contact: had a unit been applied twice, or lost, the counts of opens would differ.
    last = {record["subject"]["id"]: record for record in feed}
    assert len(last) == CONTACTS


async def test_a_kill_in_the_middle_of_twenty_thousand_events(pipeline: Pipeline) -> None:
    await pipeline.publish(three_nodes())
    worker = pipeline.worker()
    await worker.begin()
    async with pipeline.reading(COMMANDS) as reading:
        sending = asyncio.create_task(pipeline.stream(opens(), RATE))
        await reading.until(EVENTS // 3, 60)
        worker.kill()
        await reading.settle()
        seen = len(reading.records)
        assert seen < EVENTS
        killed_at = time.monotonic()
        worker.start()
        await reading.until(seen + 1, BACK_SECONDS)
        assert time.monotonic() - killed_at < BACK_SECONDS
        await sending
        await reading.until(EVENTS, 90)
    await verify(pipeline)


async def pause_past_its_session(worker: Process, seconds: float) -> None:
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    worker.signal(signal.SIGCONT)


async def test_workers_that_join_leave_and_come_back_as_zombies(pipeline: Pipeline) -> None:
    await pipeline.publish(three_nodes())
    first, second, third = (pipeline.worker(f"worker-{number}") for number in (1, 2, 3))
    await first.begin()
    sending = asyncio.create_task(pipeline.stream(opens(), 700.0))
    await asyncio.sleep(1)
    await second.begin()
    # Longer than a session: its shards go to the other, and it must not write for them when it goes on.
    await pause_past_its_session(second, 12)
    await third.begin()
    first.stop()
    await asyncio.sleep(1)
    await second.revive()
    await sending
    await verify(pipeline)


async def test_a_clean_stop_hands_over_without_a_gap(pipeline: Pipeline) -> None:
    count = 3_000
    await pipeline.publish(three_nodes())
    first, second = pipeline.worker("worker-1"), pipeline.worker("worker-2")
    await first.begin()
    sending = asyncio.create_task(pipeline.stream(opens(count), 1_000.0))
    await second.begin()
    stopped_at = time.monotonic()
    first.stop()
    assert time.monotonic() - stopped_at < 10
    await sending
    commands = await pipeline.read(COMMANDS, count)
    assert Counter(header(record, "ce_id") for record in commands) == dict.fromkeys(expected_commands(count), 1)


async def test_a_broker_that_goes_and_comes_back(pipeline: Pipeline) -> None:
    # Stopped, not killed: one node that is killed may never write the marker of its last transaction, whoever made it.
    count = 6_000
    await pipeline.publish(three_nodes())
    worker = pipeline.worker()
    await worker.begin()
    half = list(opens(count))
    await pipeline.send(*half[: count // 2])
    await asyncio.to_thread(_bounce, pipeline)
    await pipeline.send(*half[count // 2 :])
    reviving = asyncio.create_task(_keep_alive(worker))
    try:
        commands = await pipeline.read(COMMANDS, count, 90)
    finally:
        reviving.cancel()
    assert Counter(header(record, "ce_id") for record in commands) == dict.fromkeys(expected_commands(count), 1)


async def _keep_alive(worker: Process) -> None:
    while True:
        await worker.revive()
        await asyncio.sleep(0.5)


def _bounce(pipeline: Pipeline) -> None:
    pipeline.broker.stop()
    pipeline.broker.start()
    pipeline.broker.wait_ready()
