"""Producers and readers of the log in memory, of the shape that the product asks of a client (`batching.clients`)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import TopicPartition

from streams.batching.clients import Batch, Written
from tests.simulation.log import Log, Place, Row
from tests.simulation.weather import Weather

NOTE: ContextVar[Any] = ContextVar("NOTE", default=None)
"""What the transactions that begin here are about."""
BATCH_RECORDS: Final = 4
"""So few go into a batch, that a unit has more than one."""
RETRY_SECONDS: Final = 0.06


@dataclass
class MemoryBatch:
    """A batch."""

    rows: list[Row] = field(default_factory=list)

    def append(
        self, *, timestamp: int, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> object | None:
        if len(self.rows) >= BATCH_RECORDS:
            return None
        self.rows.append(Row(timestamp, key, value, tuple(headers)))
        return self

    def record_count(self) -> int:
        return len(self.rows)


@dataclass
class MemoryWritten:
    """Where a batch lies."""

    offset: int


class MemoryProducer:
    """A producer; without a transactional id it writes straight away."""

    def __init__(self, log: Log, weather: Weather, *, transactional_id: str | None = None, **_settings: Any) -> None:
        self._log = log
        self._weather = weather
        self._id = transactional_id
        self._epoch = -1
        self._note: Any = None
        self._queues: dict[Place, deque[tuple[MemoryBatch, asyncio.Future[Written]]]] = {}
        self._unsent = 0

    async def start(self) -> None:
        await self._weather.travel()
        self._weather.trouble()
        if self._id is not None:
            while (epoch := self._log.init(self._id)) is None:  # noqa: ASYNC110 -- as a client does, by asking again
                await asyncio.sleep(RETRY_SECONDS)
            self._epoch = epoch
        await self._weather.travel()
        self._weather.trouble()

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def begin_transaction(self) -> None:
        self._note = NOTE.get()

    async def commit_transaction(self) -> None:
        while self._unsent:  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(RETRY_SECONDS)
        await self._weather.travel()
        self._weather.trouble()
        self._log.commit(self._required_id, self._epoch)
        await self._weather.travel()
        self._weather.trouble()

    def create_batch(self) -> Batch:
        return MemoryBatch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[Written]:
        assert isinstance(batch, MemoryBatch)
        acknowledged: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        place = topic, partition
        queue = self._queues.setdefault(place, deque())
        queue.append((batch, acknowledged))
        self._unsent += 1
        if len(queue) == 1:
            self._soon(self._send, place)
        return acknowledged

    @property
    def _required_id(self) -> str:
        assert self._id is not None, "no transactions without a transactional id"
        return self._id

    def _soon(self, do: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(self._weather.seconds(), do, *args)

    def _send(self, place: Place) -> None:
        """Write the batch whose turn it is; the next of the same place only goes after it."""
        queue = self._queues[place]
        batch, acknowledged = queue[0]
        try:
            self._weather.trouble()
            base = self._write(place, batch)
            if base is None:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._send, place)
                return
            self._weather.trouble()
        except Exception as error:  # noqa: BLE001 -- it is what the client's future tells
            self._soon(self._answer, acknowledged, error)
        else:
            self._soon(self._answer, acknowledged, MemoryWritten(base))
        queue.popleft()
        self._unsent -= 1
        if queue:
            self._soon(self._send, place)

    def _write(self, place: Place, batch: MemoryBatch) -> int | None:
        if self._id is None:
            return self._log.append(place, batch.rows)
        return self._log.produce(self._id, self._epoch, place, batch.rows, self._note)

    @staticmethod
    def _answer(acknowledged: asyncio.Future[Written], answer: Written | Exception) -> None:
        if acknowledged.done():
            return
        if isinstance(answer, Exception):
            acknowledged.set_exception(answer)
        else:
            acknowledged.set_result(answer)


class MemoryReader:
    """A consumer without a group."""

    def __init__(self, log: Log, weather: Weather, **_settings: Any) -> None:
        self._log = log
        self._weather = weather
        self._positions: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        await self._weather.travel()
        self._weather.trouble()

    async def stop(self) -> None:
        """Nothing to let go of."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, 0)

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        await self._weather.travel()
        self._weather.trouble()
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        await self._weather.travel()
        self._weather.trouble()
        ends = {one: self._log.partition(one).stable_end for one in partitions}
        await self._weather.travel()
        return ends

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        await self._weather.travel()
        self._weather.trouble()
        found: dict[TopicPartition, Sequence[Any]] = {}
        for one in sorted(partitions):  # they come as a set, whose order is nobody's
            if self._weather.random.random() < 0.2:
                continue
            most = min(max_records, self._weather.random.choice((1, 3, 1_000)))
            records, self._positions[one] = self._log.partition(one).committed(self._positions[one], most)
            if records:
                found[one] = records
        if not found:
            await asyncio.sleep(0.01)
        return found
