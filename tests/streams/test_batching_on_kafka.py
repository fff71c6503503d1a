"""Units of commit on a real Kafka: whole or not at all, fenced, and restored to the last committed write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, ProducerFenced

from dev.kafka import KafkaBroker
from dev.services import serving
from streams.batching.restore import restore_parts
from streams.batching.table import TablePart
from streams.batching.writers import BATCH_BYTES, IdempotentWriter, TransactionalWriter, UnitWriter
from streams.unit import Output

pytestmark = pytest.mark.services

PARTITIONS = 2
CONFIG = {"max.message.bytes": "8000000"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with serving(KafkaBroker(tmp_path_factory.mktemp("kafka"), heap_megabytes=384)) as started:
        yield {"bootstrap_servers": started.bootstrap}


@pytest.fixture
async def topics(broker: dict[str, Any], request: pytest.FixtureRequest) -> tuple[str, str]:
    """An output and a changelog topic of this test alone."""
    names = (f"out-{abs(hash(request.node.name))}", f"log-{abs(hash(request.node.name))}")
    admin = AIOKafkaAdminClient(**broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=CONFIG) for name in names])
    finally:
        await admin.close()
    return names


def rows(topic: str, *pairs: tuple[bytes, bytes | None], shard: int = 1) -> list[Output]:
    return [Output(topic, shard, key, value) for key, value in pairs]


async def read(kafka: dict[str, Any], topic: str, shard: int = 1) -> list[tuple[bytes | None, bytes | None]]:
    """What a read_committed reader sees of a partition."""
    async with AIOKafkaConsumer(
        **kafka, auto_offset_reset="earliest", isolation_level="read_committed", max_partition_fetch_bytes=9_000_000
    ) as consumer:
        partition = TopicPartition(topic, shard)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        seen: list[tuple[bytes | None, bytes | None]] = []
        async with asyncio.timeout(20):
            while await consumer.position(partition) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    seen += [(record.key, record.value) for record in records]
        return seen


async def restored(kafka: dict[str, Any], topic: str, part: TablePart | None = None) -> TablePart:
    part = part or TablePart()
    await restore_parts(kafka, {TopicPartition(topic, 1): part})
    return part


@pytest.fixture(params=[TransactionalWriter, IdempotentWriter])
async def writer(request: pytest.FixtureRequest, broker: dict[str, Any]) -> Any:
    made = request.param(broker, "unit") if request.param is TransactionalWriter else request.param(broker)
    await made.open({0, 1})
    yield made
    await made.close()


async def test_a_unit_is_written_and_says_where_its_changelogs_end(
    broker: dict[str, Any], topics: tuple[str, str], writer: UnitWriter
) -> None:
    out, log = topics
    outputs = [Output(out, 0, None, b"elsewhere"), Output(out, 1, b"k", b"v", (("h", b"1"),), 1_790_000_000_000)]
    ends = await writer.write(1, outputs, rows(log, (b"a", b"1"), (b"b", b"2"), (b"a", None)))
    assert await read(broker, out, 0) == [(None, b"elsewhere")]
    assert await read(broker, out) == [(b"k", b"v")]
    part = await restored(broker, log)
    assert dict(part.items()) == {b"b": b"2"}
    assert ends == {log: 3}
    assert ends[log] <= part.next_offset <= ends[log] + 1  # and the marker of the transaction


async def test_a_unit_larger_than_a_batch_is_still_one_unit(
    broker: dict[str, Any], topics: tuple[str, str], writer: UnitWriter
) -> None:
    out, log = topics
    large = [Output(out, 1, b"k", bytes([number]) * (BATCH_BYTES // 3)) for number in range(10)]
    await writer.write(1, [*large, Output(out, 1, b"k", b"x" * (BATCH_BYTES * 2))], rows(log, (b"a", b"1")))
    seen = await read(broker, out)
    assert [value and len(value) for _, value in seen] == [BATCH_BYTES // 3] * 10 + [BATCH_BYTES * 2]
    assert [value and value[:1] for _, value in seen[:10]] == [bytes([number]) for number in range(10)]


async def test_a_part_is_brought_up_to_date_from_where_it_stands(
    broker: dict[str, Any], topics: tuple[str, str], writer: UnitWriter
) -> None:
    _, log = topics
    ends = await writer.write(1, [], rows(log, (b"a", b"1"), (b"b", b"2")))
    mine = TablePart()
    mine.apply({b"a": b"1", b"b": b"2"}, ends[log])
    assert await restore_parts(broker, {TopicPartition(log, 1): mine}) == {TopicPartition(log, 1): 0}
    await writer.write(1, [], rows(log, (b"b", None), (b"c", b"3")))
    assert await restore_parts(broker, {TopicPartition(log, 1): mine}) == {TopicPartition(log, 1): 2}
    assert dict(mine.items()) == dict((await restored(broker, log)).items()) == {b"a": b"1", b"c": b"3"}


async def test_an_empty_changelog_is_restored_at_once(broker: dict[str, Any], topics: tuple[str, str]) -> None:
    part = await restored(broker, topics[1])
    assert (len(part), part.next_offset) == (0, 0)


async def test_a_new_owner_fences_the_old_one_and_nothing_of_it_is_seen(
    broker: dict[str, Any], topics: tuple[str, str]
) -> None:
    out, log = topics
    old, new = TransactionalWriter(broker, "fenced"), TransactionalWriter(broker, "fenced")
    try:
        await old.open({1})
        await old.write(1, rows(out, (b"k", b"before")), rows(log, (b"a", b"1")))
        # A transaction that the old owner leaves open, as a stopped process does.
        producer = old._producers[1]
        await producer.begin_transaction()
        await producer.send_and_wait(out, b"left open", key=b"k", partition=1)
        await new.open({1})
        assert await read(broker, out) == [(b"k", b"before")]
        assert dict((await restored(broker, log)).items()) == {b"a": b"1"}
        await new.write(1, rows(out, (b"k", b"after")), rows(log, (b"a", b"2")))
        with pytest.raises((ProducerFenced, KafkaError)):
            await producer.commit_transaction()
        assert await read(broker, out) == [(b"k", b"before"), (b"k", b"after")]
        assert dict((await restored(broker, log)).items()) == {b"a": b"2"}
    finally:
        await new.close()
        await old.close()
