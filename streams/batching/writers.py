"""Writes units of commit: the outputs of a shard and its changelogs, as whole record batches.

`TransactionalWriter` makes each unit one Kafka transaction of a producer that belongs to the shard; a new owner of the
shard fences the old one by it. `CommandsFirstWriter` leaves commands out of it. Every await has a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Protocol

import aiokafka.producer.sender

from streams.batching.clients import Batch, Connect, Producer, Written
from streams.unit import Output

UNIT_SECONDS = 30.0
"""The longest one unit of commit may take; then its worker gives up, and the shard's next owner does it again."""
START_SECONDS = 60.0
TRANSACTION_TIMEOUT_MS = 15_000
OPEN_TRANSACTIONS = 16
"""At most so many at the same time in one worker."""
BATCH_BYTES = 900_000
RETRY_BACKOFF_MS = 10
REQUEST_TIMEOUT_MS = 15_000
"""A request that a dying broker never answers is given up after this, and made again."""
_PRODUCING: Final[Mapping[str, Any]] = {
    "request_timeout_ms": REQUEST_TIMEOUT_MS, "max_batch_size": BATCH_BYTES, "max_request_size": BATCH_BYTES * 2,
    "acks": "all",
}  # fmt: skip

# While the transaction before completes, the broker answers CONCURRENT_TRANSACTIONS and aiokafka sleeps this long.
# Measured: 2 ms gives 126 transactions a second and shard instead of 27 (architecture.md section 3).
aiokafka.producer.sender.BACKOFF_OVERRIDE = 0.002

Place = tuple[str, int]
"""Topic and partition."""


class UnitWriter(Protocol):
    """Writes units of commit of the shards that are open."""

    async def open(self, shards: Collection[int]) -> None:
        """Make exactly these shards writable by us, and by nobody who owned them before."""

    async def write(self, shard: int, outputs: Iterable[Output], changelogs: Iterable[Output]) -> Mapping[str, int]:
        """Write a unit; when this returns, it is there as a whole.

        Returns:
            For each changelog topic the offset after the last record.
        """

    async def close(self) -> None:
        """Let go of everything."""


class TransactionalWriter:
    """One transaction for each unit, one transactional producer for each shard.

    Args:
        connect: makes a producer.
        wall_ms: reads the wall clock, for the timestamps of records.
        app_id: the id of a shard's producer is `<app_id>-<shard>`, whichever worker owns it.
    """

    def __init__(self, connect: Connect, wall_ms: Callable[[], int], app_id: str) -> None:
        self._connect = connect
        self._wall_ms = wall_ms
        self._app_id = app_id
        self._producers: dict[int, Producer] = {}
        self._slots = asyncio.Semaphore(OPEN_TRANSACTIONS)

    async def open(self, shards: Collection[int]) -> None:
        """Initialise the producer of every shard anew, also of those we owned before: that fences a zombie.

        Kafka answers only when whatever the former owner left open is aborted or committed.

        Raises:
            TimeoutError: Kafka did not answer within a minute, or a producer did not let go.
            aiokafka.errors.KafkaError: it refuses.
        """
        async with asyncio.timeout(START_SECONDS):
            await self.close()
            await asyncio.gather(*map(self._start, shards))

    async def write(self, shard: int, outputs: Iterable[Output], changelogs: Iterable[Output]) -> Mapping[str, int]:
        """Write a unit in one transaction.

        Raises:
            TimeoutError: it took longer than the bound.
            aiokafka.errors.KafkaError: it was refused; ProducerFenced where the shard has another owner.
        """
        producer = self._producers[shard]
        async with self._slots, asyncio.timeout(UNIT_SECONDS):
            await producer.begin_transaction()
            now_ms = self._wall_ms()
            _, ends = await asyncio.gather(_send(producer, outputs, now_ms), _send(producer, changelogs, now_ms))
            # Every produce is acknowledged by now. Ending the transaction earlier costs retries on real Kafka.
            await producer.commit_transaction()
        return ends

    async def close(self) -> None:
        """Stop all producers. A transaction that is open is left to the next owner, who aborts it."""
        producers, self._producers = self._producers, {}
        await asyncio.gather(*(producer.stop() for producer in producers.values()))

    async def _start(self, shard: int) -> None:
        producer = self._connect(
            transactional_id=f"{self._app_id}-{shard}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            **_PRODUCING,
        )
        self._producers[shard] = producer
        await producer.start()


class CommandsFirstWriter(TransactionalWriter):
    """Some topics first, visible as soon as Kafka has them; then all the rest, in a transaction as above.

    A crash between the two repeats what went first, with the same ids. State is never torn, what is told of it is there
    once with it, and no other than a shard's owner writes either: a plain producer could leave half a unit, or that of
    a worker that had lost the shard.

    Args:
        connect: makes a producer.
        wall_ms: reads the wall clock, for the timestamps of records.
        app_id: as above.
        first: the topics that go first.
    """

    def __init__(self, connect: Connect, wall_ms: Callable[[], int], app_id: str, first: Collection[str]) -> None:
        super().__init__(connect, wall_ms, app_id)
        self._first = frozenset(first)
        self._commands: Producer | None = None

    async def open(self, shards: Collection[int]) -> None:
        """Fence as above, and connect the producer of what goes first."""
        await super().open(shards)
        self._commands = self._connect(enable_idempotence=True, **_PRODUCING)
        async with asyncio.timeout(START_SECONDS):
            await self._commands.start()

    async def write(self, shard: int, outputs: Iterable[Output], changelogs: Iterable[Output]) -> Mapping[str, int]:
        """Write what goes first, await it, then write the rest in one transaction.

        Raises:
            TimeoutError, aiokafka.errors.KafkaError: as above; what goes first may be there then.
        """
        if self._commands is None:
            raise AssertionError("open the writer first")
        first, rest = list[Output](), list[Output]()
        for output in outputs:
            (first if output.topic in self._first else rest).append(output)
        async with asyncio.timeout(UNIT_SECONDS):
            await _send(self._commands, first, self._wall_ms())
            return await super().write(shard, rest, changelogs)

    async def close(self) -> None:
        """Stop all producers."""
        await super().close()
        commands, self._commands = self._commands, None
        if commands is not None:
            await commands.stop()


async def _send(producer: Producer, records: Iterable[Output], now_ms: int) -> dict[str, int]:
    """Send records in batches by place, each in its order; return for each topic the offset after the last."""
    by_place: dict[Place, list[Output]] = {}
    for record in records:
        by_place.setdefault((record.topic, record.partition), []).append(record)
    ends = await asyncio.gather(*(_send_to(producer, place, of_place, now_ms) for place, of_place in by_place.items()))
    return {place[0]: end for place, end in zip(by_place, ends, strict=True)}


async def _send_to(producer: Producer, place: Place, records: list[Output], now_ms: int) -> int:
    topic, partition = place
    acknowledged: list[asyncio.Future[Written]] = []
    counts: list[int] = []
    batch = producer.create_batch()
    for record in records:
        if not _append(batch, record, now_ms):
            acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
            counts.append(batch.record_count())
            batch = producer.create_batch()
            if not _append(batch, record, now_ms):
                raise AssertionError(f"an empty batch refuses a record of {len(record.value or b'')} bytes")
    acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
    counts.append(batch.record_count())
    written = await asyncio.gather(*acknowledged)
    return int(written[-1].offset) + counts[-1]


def _append(batch: Batch, record: Output, now_ms: int) -> bool:
    timestamp_ms = now_ms if record.timestamp_ms is None else record.timestamp_ms
    headers = list(record.headers)
    return batch.append(timestamp=timestamp_ms, key=record.key, value=record.value, headers=headers) is not None
