"""Hands the records of topics to handlers, in a consumer group: at least once, offsets moved after the handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from streams.consumers import committed_reader
from streams.events import Record

Handle = Callable[[Record], Awaitable[None]]
_POLL_MS: Final = 100
_POLL_RECORDS: Final = 100
"""So many records are handled before offsets move; all of them come again after a crash in between."""

log = logging.getLogger(__name__)


class Listener:
    """One consumer for all handlers of a client.

    A new group starts at the beginning of what Kafka has. A handler that raises ends the listening: what it raised is
    raised by `wait` and by `stop`, and its record comes again.

    Args:
        kafka: the client's arguments.
        group_id: the consumer group.
    """

    def __init__(self, kafka: Mapping[str, Any], group_id: str) -> None:
        self._kafka = kafka
        self._group_id = group_id
        self._handlers: dict[str, list[Handle]] = {}
        self._joining: list[tuple[str, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, topic: str, handle: Handle) -> asyncio.Future[None]:
        """Add a handler of a topic; listening begins with the first.

        Returns:
            A future that is done once partitions of the topic are assigned. It need not be awaited.
        """
        self._handlers.setdefault(topic, []).append(handle)
        joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joining.append((topic, joined))
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name=f"listener of {self._group_id}")
        return joined

    async def wait(self) -> None:
        """Wait until listening ends, which it does by an error alone.

        Raises:
            Whatever a handler or Kafka raised.
        """
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Stop listening.

        Raises:
            Whatever had ended it before.
        """
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            if not task.cancelled():
                raise

    async def _listen(self) -> None:
        consumer = committed_reader(self._kafka, group_id=self._group_id)
        try:
            await consumer.start()
            subscribed: set[str] = set()
            while True:
                if subscribed != set(self._handlers):
                    subscribed = set(self._handlers)
                    consumer.subscribe(sorted(subscribed))
                await self._handle_some(consumer)
                self._tell_joined({partition.topic for partition in consumer.assignment()})
        finally:
            for _, joined in self._joining:
                joined.cancel()
            await consumer.stop()

    async def _handle_some(self, consumer: AIOKafkaConsumer) -> None:
        done: dict[TopicPartition, int] = {}
        batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
        try:
            for partition, records in batches.items():
                for record in records:
                    for handle in self._handlers[partition.topic]:
                        await handle(record)
                    done[partition] = record.offset + 1
        finally:
            if done:
                await _commit(consumer, done)

    def _tell_joined(self, topics: set[str]) -> None:
        for topic, joined in self._joining:
            if topic in topics and not joined.done():
                joined.set_result(None)
        self._joining = [(topic, joined) for topic, joined in self._joining if not joined.done()]


async def _commit(consumer: AIOKafkaConsumer, done: Mapping[TopicPartition, int]) -> None:
    try:
        await consumer.commit(done)
    except (CommitFailedError, IllegalStateError):
        # The group gave these partitions to another member meanwhile, which handles the records again.
        log.warning("positions of %s could not be moved: the group has changed", ", ".join(map(str, done)))
