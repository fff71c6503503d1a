"""A superseded version leaves mal.flows only when no worker, no feed and no execution can need it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.audit_retirement import retire_round
from dev.kafka import KafkaBroker
from dev.services import serving
from store.audit.log_batch import LogBatch
from store.audit.writing import AuditWriter
from store.pool import Pool
from streams.topics import COMMAND_RESULTS, EXECUTIONS, INPUT_TOPICS, TRIGGERS
from tests.audit.auditing import PARTITIONS, feeding, make_topics
from tests.store.records import execution, log

pytestmark = pytest.mark.services

SUPERSEDED_MS = 1_793_529_000_000
NOW_MS = SUPERSEDED_MS + 2 * 86_400_000
INPUT = INPUT_TOPICS[0]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka for these tests alone: the topics have fixed names."""
    with serving(KafkaBroker(tmp_path_factory.mktemp("kafka"), heap_megabytes=384)) as started:
        asyncio.run(make_topics(started.bootstrap))
        yield started.bootstrap


@pytest.fixture
async def superseded(pool: Pool) -> Pool:
    """Two versions of a flow, the second in force since a while."""
    await pool.execute(
        "insert into automation_flows (id, user_id, name, trigger_type, latest_version, status) "
        "values ('f-1', 'user_001', 'A', 'event', 2, 'published')"
    )
    await pool.executemany(
        "insert into automation_flow_versions (flow_id, version, policy, effective_from_ms, definition) "
        "values ('f-1', $1, 'pin', $2, '{}')",
        [(1, SUPERSEDED_MS - 1_000), (2, SUPERSEDED_MS)],
    )
    return pool


class Workers:
    """What the workers' group has committed."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka

    async def decide(self, group: str, offsets: dict[tuple[str, int], int]) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(*one) for one in offsets])
            await consumer.commit({TopicPartition(*one): offset for one, offset in offsets.items()})
        finally:
            await consumer.stop()

    async def write(self, at_ms: int) -> int:
        """Put an event on an input topic, and return its offset."""
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka)
        await producer.start()
        try:
            return int((await producer.send_and_wait(INPUT, b"{}", partition=0, timestamp_ms=at_ms)).offset)
        finally:
            await producer.stop()


@pytest.fixture
def workers(broker: str) -> Workers:
    return Workers(broker)


async def round_of(pool: Pool, broker: str, **more: Any) -> int:
    kafka = {"bootstrap_servers": broker}
    return await retire_round(pool, kafka, now_ms=lambda: NOW_MS, **more)


async def write_up(pool: Pool, broker: str) -> None:
    """Have the audit where the feed ends."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(EXECUTIONS, at) for at in range(PARTITIONS)])
    finally:
        await consumer.stop()
    for one, end in ends.items():
        await AuditWriter(pool).write_feed(LogBatch(EXECUTIONS, one.partition, 0, end, ()))


async def test_it_stays_while_a_worker_has_an_event_of_its_time_to_decide(
    superseded: Pool, broker: str, workers: Workers
) -> None:
    await workers.decide("mal", {(INPUT, 0): 0})
    await write_up(superseded, broker)
    old = await workers.write(SUPERSEDED_MS - 1)
    new = await workers.write(SUPERSEDED_MS)
    assert await round_of(superseded, broker) == 0, "nothing was decided yet"
    await workers.decide("mal", {(INPUT, 0): old})
    assert await round_of(superseded, broker) == 0, "the old event was not decided yet"
    await workers.decide("mal", {(INPUT, 0): new})
    assert await round_of(superseded, broker) == 1
    assert await round_of(superseded, broker) == 0, "once is enough"
    keys = [row["key"] for row in await superseded.fetch("select key from automation_outbox order by id")]
    assert keys == ["f-1/head", "f-1/1"]


async def test_it_stays_a_day_and_while_an_execution_of_it_goes_on(
    superseded: Pool, broker: str, workers: Workers
) -> None:
    await _all_decided(broker, workers)
    records = log([execution(flowId="f-1", status="running"), execution(flowId="f-1", seq=2)])
    writer = AuditWriter(superseded)
    await writer.write_feed(LogBatch("elsewhere", 0, 0, 1, records[:1]))
    await write_up(superseded, broker)
    assert await round_of(superseded, broker, kept_ms=3 * 86_400_000) == 0, "superseded two days ago"
    assert await round_of(superseded, broker) == 0, "an execution goes on"
    await writer.write_feed(LogBatch("elsewhere", 0, 1, 2, records[1:]))
    assert await round_of(superseded, broker) == 1


async def test_it_stays_until_the_audit_has_written_what_was_on_the_feed(
    superseded: Pool, broker: str, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _all_decided(broker, workers)
    await write_up(superseded, broker)
    async with feeding(broker, "retirement") as feed:
        await feed.write([(1, execution(flowId="f-1", status="running"))])
        # Markers of transactions lie behind the last record of an input topic: no event is undecided there.
        await feed.write([(2, b"{}")], topic=TRIGGERS)
        await feed.write([(2, b"{}")], topic=COMMAND_RESULTS, aborted=True)
    await workers.decide("mal", {(TRIGGERS, 2): 1})
    monkeypatch.setattr("agents.audit_retirement.CATCH_UP_SECONDS", 1.0)
    assert await round_of(superseded, broker) == 0
    await superseded.execute("truncate automation_audit_positions")
    await write_up(superseded, broker)
    assert await round_of(superseded, broker) == 1


async def _all_decided(broker: str, workers: Workers) -> None:
    await workers.decide("mal", {(INPUT, 0): await workers.write(NOW_MS)})
