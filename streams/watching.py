"""Waits for what the workers say on the feed: for commands that answer when something has been done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.types import Json
from streams.consumers import committed_reader
from streams.topics import EXECUTIONS

_POLL_MS: Final = 100


class FeedWatch:
    """The feed from the moment of `feed_from_now` on.

    Args:
        consumer: is assigned what is watched, and stands at its end.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def more(self) -> list[dict[str, Json]]:
        """Return the records that have come since, decoded; none where nothing came for a tenth of a second."""
        batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
        return [
            orjson.loads(record.value) for batch in batches.values() for record in batch if record.value is not None
        ]


@asynccontextmanager
async def feed_from_now(kafka: Mapping[str, Any], partitions: Collection[int]) -> AsyncIterator[FeedWatch]:
    """Give the records of the feed that are written from now on.

    Args:
        kafka: the client's arguments.
        partitions: which of the feed.

    Raises:
        KafkaError: Kafka is away.
    """
    consumer = committed_reader(kafka, auto_offset_reset="latest")
    await consumer.start()
    try:
        watched = [TopicPartition(EXECUTIONS, number) for number in sorted(partitions)]
        consumer.assign(watched)
        for partition, end in (await consumer.end_offsets(watched)).items():
            consumer.seek(partition, end)
        yield FeedWatch(consumer)
    finally:
        await consumer.stop()
