"""Reads topics, whole or for a time range, to what were their ends when reading began. For commands, in no group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from streams.consumers import committed_reader
from streams.events import Record

STALLED_SECONDS: Final = 30.0
"""How long a read may bring nothing before it is given up."""
_POLL_MS: Final = 200
_ASSIGN_POLL_SECONDS: Final = 0.02


async def read_to_end(
    kafka: Mapping[str, Any], topic: str, take: Callable[[Record], None], *, since_ms: int | None = None
) -> None:
    """Hand every committed record of a topic to `take`, those of a partition in their order.

    Args:
        kafka: the client's arguments.
        topic: which.
        take: is given each record.
        since_ms: leave out what was written before that moment, as far as Kafka can tell by its index.

    Raises:
        KafkaError: Kafka is away; `UnknownTopicOrPartitionError` where it has no such topic.
        TimeoutError: nothing came for 30 seconds, but the end was not reached.
    """
    await read_between(kafka, [topic], since_ms, None, take)


async def read_between(
    kafka: Mapping[str, Any],
    topics: Iterable[str],
    from_ms: int | None,
    to_ms: int | None,
    take: Callable[[Record], None],
) -> None:
    """Hand the committed records of topics that were written in a time range to `take`, as far as Kafka's index tells.

    Args:
        kafka: the client's arguments.
        topics: which.
        from_ms: when the range begins; None where the topics do.
        to_ms: when it ends; None at the ends of now.
        take: is given each record, those of a partition in their order.

    Raises:
        KafkaError: Kafka is away; `UnknownTopicOrPartitionError` where it has no such topic.
        TimeoutError: nothing came for 30 seconds, but the end was not reached.
    """
    wanted = list(topics)
    consumer = committed_reader(kafka)
    try:
        await consumer.start()
        if missing := sorted(set(wanted) - await consumer.topics()):
            raise UnknownTopicOrPartitionError(f"Kafka has no topic {', '.join(missing)}; run `mal topics create`")
        consumer.subscribe(wanted)
        async with asyncio.timeout(STALLED_SECONDS):
            while not consumer.assignment():  # noqa: ASYNC110 -- aiokafka tells nobody without a group; bounded above
                await asyncio.sleep(_ASSIGN_POLL_SECONDS)
            ends = await consumer.end_offsets(consumer.assignment())
            if from_ms is not None:
                await _seek(consumer, ends, from_ms)
            if to_ms is not None:
                later = await consumer.offsets_for_times(dict.fromkeys(ends, to_ms))
                ends |= {partition: found.offset for partition, found in later.items() if found}
        await read_up_to(consumer, ends, lambda _, record: take(record))
    finally:
        await consumer.stop()


async def read_up_to(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], take: Callable[[TopicPartition, Record], None]
) -> None:
    """Hand what lies before the ends to `take`, from where a consumer stands.

    Args:
        consumer: is assigned these partitions.
        ends: the offset before which reading ends, by partition.
        take: is given each record, with its partition.

    Raises:
        KafkaError: Kafka is away.
        TimeoutError: nothing came for 30 seconds, but an end was not reached.
    """
    loop = asyncio.get_running_loop()
    rest = {partition: end for partition, end in ends.items() if end > 0}
    async with asyncio.timeout(STALLED_SECONDS) as bound:
        while rest:
            batches = await consumer.getmany(timeout_ms=_POLL_MS)
            for partition, records in batches.items():
                for record in records:
                    if record.offset < ends[partition]:
                        take(partition, record)
            if batches:
                bound.reschedule(loop.time() + STALLED_SECONDS)
            for partition in list(rest):
                if await consumer.position(partition) >= rest[partition]:
                    del rest[partition]
                    consumer.pause(partition)


async def _seek(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], since_ms: int) -> None:
    for partition, found in (await consumer.offsets_for_times(dict.fromkeys(ends, since_ms))).items():
        consumer.seek(partition, found.offset if found else ends[partition])
