"""Reads a compacted topic whole and goes on reading it: what every worker must know (architecture.md section 3).

Without a group, so that each worker reads all of it. Knows no record's meaning.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.consumers import committed_reader

START_SECONDS: Final = 120.0
POLL_MS: Final = 1_000
AGAIN_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.01

log = logging.getLogger(__name__)

Apply = Callable[[bytes, bytes | None], None]
"""Takes the key and value (None: deleted) of one record."""


class CompactedReader:
    """One compacted topic, folded by `apply` in the order of each partition.

    Args:
        kafka: arguments of the client.
        topic: its name.
        apply: takes each record; what it raises ends the reading.
    """

    def __init__(self, kafka: Mapping[str, Any], topic: str, apply: Apply) -> None:
        self._topic = topic
        self._apply = apply
        self._task: asyncio.Task[None] | None = None
        self._partitions: list[TopicPartition] = []
        self._consumer = committed_reader(kafka, request_timeout_ms=15_000)

    async def start(self) -> None:
        """Read up to the ends of now, then go on in the background.

        Raises:
            TimeoutError: the ends were not reached within two minutes.
            aiokafka.errors.KafkaError: Kafka refuses, or the topic does not exist.
        """
        consumer = self._consumer
        await consumer.start()
        async with asyncio.timeout(START_SECONDS):
            numbers = await consumer._client._wait_on_metadata(self._topic)  # noqa: SLF001 -- no public way asks for it
            partitions = self._partitions = [TopicPartition(self._topic, number) for number in numbers]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    await self._read(timeout_ms=100)
        self._task = asyncio.create_task(self._read_on())

    async def catch_up(self) -> None:
        """Return once all is applied that was there when this was asked: at least what any other reader has applied.

        Kafka may be away for a while meanwhile.

        Raises:
            TimeoutError: the ends were not reached within two minutes.
        """
        async with asyncio.timeout(START_SECONDS):
            ends = await self._ends()
            for partition in self._partitions:
                # The task that reads does not say when it moves; it does so within milliseconds.
                while await self._consumer.position(partition) < ends[partition]:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Read no further."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._consumer.stop()

    def failure(self) -> BaseException | None:
        """Return what ended the reading; None while it goes on."""
        task = self._task
        return task.exception() if task is not None and task.done() and not task.cancelled() else None

    async def _ends(self) -> Mapping[TopicPartition, int]:
        while True:
            try:
                ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(self._partitions)
            except KafkaError as error:
                log.warning("the ends of %s: %s; trying again", self._topic, error)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return ends

    async def _read_on(self) -> None:
        while True:
            try:
                await self._read(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.warning("reading %s: %s; trying again", self._topic, error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _read(self, *, timeout_ms: int) -> None:
        for records in (await self._consumer.getmany(timeout_ms=timeout_ms)).values():
            for record in records:
                if record.key is not None:
                    self._apply(record.key, record.value)
