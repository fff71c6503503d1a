"""What the unit of commit and the restoring of tables ask of a Kafka client. aiokafka's clients are of this shape."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiokafka import TopicPartition

from streams.batching.host import Record


class Written(Protocol):
    """Where a batch lies."""

    offset: int
    """Of its first record."""


class Batch(Protocol):
    """A record batch that is being filled."""

    def append(
        self, *, timestamp: int, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> object | None:
        """Add a record; None where the batch has no room for it."""

    def record_count(self) -> int:
        """Return how many records it has."""


class Producer(Protocol):
    """A producer of whole batches; with a transactional id, of one transaction after the other."""

    async def start(self) -> None:
        """Connect; with a transactional id, also fence whoever had it before and end what that one left open."""

    async def stop(self) -> None:
        """Disconnect. A transaction that is open stays so."""

    async def begin_transaction(self) -> None:
        """Begin a transaction."""

    async def commit_transaction(self) -> None:
        """Commit it: from then on it counts, though readers may see it a little later."""

    def create_batch(self) -> Batch:
        """Return an empty batch."""

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[Written]:
        """Queue a batch; those of one place are written in their order. The future is done when Kafka has it."""


class Reader(Protocol):
    """A consumer without a group: it is told what to read, and sees only what is committed."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these from now on."""

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the first offset of each."""

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the last stable offset of each: before it nothing is undecided any more."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on there."""

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset that comes next."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """Return what there is to read, waiting for it if need be."""


class Connect(Protocol):
    """Makes a producer, not started yet, with settings of `AIOKafkaProducer` beside those that say where Kafka is."""

    def __call__(self, **settings: Any) -> Producer:
        """Make one."""


class ConnectReader(Protocol):
    """Makes a reader, not started yet, with settings of `AIOKafkaConsumer` beside those that say where Kafka is."""

    def __call__(self, **settings: Any) -> Reader:
        """Make one."""
