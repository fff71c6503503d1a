"""Restores parts of tables from their changelogs: by a consumer without a group, to the last stable offset.

Whoever wrote the shards before must be fenced first: then the last stable offset is the end of what they committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import TopicPartition

from streams.batching.clients import ConnectReader, Reader
from streams.batching.table import TablePart

POLL_MS = 200
POLL_RECORDS = 20_000
FETCH_BYTES = 8 * 1024 * 1024
STALL_SECONDS = 60.0
"""Without any progress for so long, restoring has failed."""


async def restore_parts(connect: ConnectReader, parts: Mapping[TopicPartition, TablePart]) -> dict[TopicPartition, int]:
    """Bring parts up to the end of their changelog partitions.

    Args:
        connect: makes a reader of what is committed.
        parts: changelog partition → part; each is read from its `next_offset`.

    Returns:
        How many records each part took over.

    Raises:
        TimeoutError: no record came for a minute, and the end was not reached; or the client did not start, or stop.
        aiokafka.errors.KafkaError: Kafka refuses.
    """
    consumer = connect(max_partition_fetch_bytes=FETCH_BYTES)
    async with asyncio.timeout(STALL_SECONDS):
        await consumer.start()
    try:
        consumer.assign(list(parts))
        async with asyncio.timeout(STALL_SECONDS):
            beginnings = await consumer.beginning_offsets(list(parts))
            ends = await consumer.end_offsets(list(parts))
        for partition, part in parts.items():
            consumer.seek(partition, max(part.next_offset, beginnings[partition]))
        taken = await _read(consumer, parts, ends)
    finally:
        async with asyncio.timeout(STALL_SECONDS):
            await consumer.stop()
    for partition, part in parts.items():
        part.next_offset = max(part.next_offset, ends[partition])
    return taken


async def _read(
    consumer: Reader, parts: Mapping[TopicPartition, TablePart], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    taken = dict.fromkeys(parts, 0)
    behind = {partition for partition in parts if await consumer.position(partition) < ends[partition]}
    while behind:
        async with asyncio.timeout(STALL_SECONDS) as stall:
            while not (batches := await consumer.getmany(*behind, timeout_ms=POLL_MS, max_records=POLL_RECORDS)):
                if behind := await _still_behind(consumer, behind, ends):
                    continue
                return taken
            stall.reschedule(None)
        for partition, records in batches.items():
            taken[partition] += len(records)
            apply = parts[partition].apply_one
            for record in records:
                apply(record.key, record.value)
        behind = await _still_behind(consumer, behind, ends)
    return taken


async def _still_behind(
    consumer: Reader, partitions: set[TopicPartition], ends: Mapping[TopicPartition, int]
) -> set[TopicPartition]:
    return {partition for partition in partitions if await consumer.position(partition) < ends[partition]}
