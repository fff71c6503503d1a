"""Reads the feed and the answers, and has them written: positions come from Postgres, the group only shares partitions.

Partitions are paused from the moment they are assigned until their position is read and sought. Whatever fails
afterwards, the answer is the same: pause, read the positions again, seek, go on. So nothing is kept in memory while
Postgres is away, and what a batch was worth is decided by the position row alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord

from agents.audit_outage import POSTGRES_AWAY, Outage
from store.audit.log_batch import LogBatch, LogRecord
from store.audit.positions import place, read_positions
from store.audit.writing import AuditWriter, PositionGapError, Written
from store.pool import Pool
from streams.consumers import committed_reader
from streams.groups import AUDIT
from streams.topics import AUDITED_TOPICS, EXECUTIONS

GROUP: Final = AUDIT
POLL_MS: Final = 250
MAX_RECORDS: Final = 10_000
"""Of one poll, over all partitions."""
FETCH_BYTES: Final = 4 * 1024 * 1024
"""Of one partition: a poll should fill a COPY."""
FETCH_WAIT_MS: Final = 500
"""Kafka may gather for so long before it answers: the audit may lag, and fuller batches are cheaper."""
SESSION_MS: Final = 6_000
"""So long after a kill another has its partitions; the least that brokers allow by default."""
REQUEST_MS: Final = 15_000
"""A request a broker died over is given up after so long; joining the group may take a session."""
SHOWN_FOREIGN: Final = 5

log = logging.getLogger("mal.audit")


def audit_consumer(kafka: Mapping[str, Any]) -> AIOKafkaConsumer:
    """Make the consumer that `AuditReader` reads with."""
    return committed_reader(
        kafka,
        group_id=GROUP,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=SESSION_MS // 3,
        request_timeout_ms=REQUEST_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
    )


@dataclass(slots=True)
class AuditTally:
    """What was written since the process started: records by topic, rows by table, and what was skipped, by topic.

    `committed_at` is the Unix time of the last commit, 0 before the first.
    """

    records: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    committed_at: float = 0.0


class AuditReader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Has what comes on our partitions written, for ever.

    Args:
        consumer: not subscribed yet.
        pool: of connections to Postgres.
        on_ready: called once, when partitions are assigned and their positions known.
    """

    def __init__(self, consumer: AIOKafkaConsumer, pool: Pool, on_ready: Callable[[], None]) -> None:
        self._consumer = consumer
        self._pool = pool
        self._on_ready: Callable[[], None] | None = on_ready
        self._writer = AuditWriter(pool)
        self._outage = Outage(log, "the audit cannot write")
        self._has_joined = False
        self.tally = AuditTally()
        self._next: dict[TopicPartition, int] = {}
        """What comes next on each partition whose position is known. A rebalance makes a new dictionary."""
        self._last: dict[TopicPartition, int] = {}
        """What came next on partitions when that was last known: the lag is told also while nothing can be written."""

    @property
    def is_ready(self) -> bool:
        """Whether partitions have been assigned, and their positions were known."""
        return self._on_ready is None

    @property
    def is_away(self) -> bool:
        """Whether Postgres or Kafka fails now, and is tried again."""
        return self._outage.is_on

    async def run(self) -> None:
        """Read and write until cancelled.

        Raises:
            KafkaError: Kafka refuses to be read from.
        """
        self._consumer.subscribe(AUDITED_TOPICS, listener=self)
        pause_seconds = 0.0
        while True:
            try:
                if pause_seconds:
                    await self._consumer.getmany(timeout_ms=0)  # a member of the group that never polls is put out
                    await asyncio.sleep(pause_seconds)
                await self._settle()
                await self._write_some()
                self._outage.over()
                pause_seconds = 0.0
            except KafkaError as error:
                if not error.retriable:
                    raise
                pause_seconds = self._outage.failed(error)
            except (*POSTGRES_AWAY, PositionGapError) as error:
                pause_seconds = self._outage.failed(error)
                self._unsettle()

    async def lag(self) -> dict[str, int]:
        """Return how many offsets of our partitions are not written yet, by topic; only topics that lag."""
        self._last |= self._next
        mine = {one: self._last[one] for one in self._consumer.assignment() if one in self._last}
        ends = await self._consumer.end_offsets(list(mine)) if mine else {}
        lags: dict[str, int] = {}
        for partition, end in ends.items():
            if (behind := end - mine[partition]) > 0:
                lags[partition.topic] = lags.get(partition.topic, 0) + behind
        return lags

    # ---- what aiokafka calls; no await, so that no fetch slips in before the pause

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 -- aiokafka's signature
        """Forget the positions; what is being written still is, or finds its position moved."""
        self._next = {}

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pause what is new until its position is known."""
        self._next = {}
        self._consumer.pause(*assigned)
        self._has_joined = True

    # ---- positions

    async def _settle(self) -> None:
        """Seek partitions that are new, or failed, to their positions in Postgres."""
        mine = self._next
        unsettled = [one for one in self._consumer.assignment() if one not in mine]
        if not unsettled:
            await self._say_ready()
            return
        first = await self._consumer.beginning_offsets(unsettled)
        end = await self._consumer.end_offsets(unsettled)
        for topic in sorted({one.topic for one in unsettled}):
            ours = [one for one in unsettled if one.topic == topic]
            stored = await read_positions(self._pool, topic, [one.partition for one in ours])
            for one in ours:
                position = await self._position(one, stored.get(one.partition), first[one], end[one])
                if self._next is not mine:
                    return  # a rebalance came in between: what is ours now is settled next
                self._consumer.seek(one, position)
                self._consumer.resume(one)
                mine[one] = position

    async def _position(self, one: TopicPartition, stored: int | None, first: int, end: int) -> int:
        if stored is not None and first <= stored <= end:
            return stored
        if stored is not None:
            log.error(
                "%s:%d is written up to %d, but Kafka has %d to %d of it; going on at %d%s", one.topic, one.partition,
                stored, first, end, first, ": what lies between is lost" if stored < first else ": it is a new topic",
            )  # fmt: skip
        await place(self._pool, one.topic, one.partition, expected=stored, next_offset=first)
        return first

    def _unsettle(self) -> None:
        self._next = {}
        self._consumer.pause(*self._consumer.assignment())

    async def _say_ready(self) -> None:
        if self._on_ready is not None and self._has_joined:
            await read_positions(self._pool, EXECUTIONS, [])  # without partitions of our own, too: Postgres is there
            self._on_ready()
            self._on_ready = None

    # ---- records

    async def _write_some(self) -> None:
        fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
        mine = self._next
        try:
            batches = [
                _batch(one, start, await self._consumer.position(one), fetched.get(one, ()))
                for one, start in mine.items()
            ]
        except IllegalStateError:
            return
        if self._next is not mine:
            return  # a rebalance came in between: what was fetched is read again by whoever has the partition now
        if any(batch.next_offset < batch.from_offset for batch in batches):
            self._unsettle()  # Kafka no longer has what comes next
            return
        news = [batch for batch in batches if batch.next_offset != batch.from_offset]
        for batch, written in zip(news, await self._write(news), strict=True):
            if isinstance(written, BaseException):
                raise written
            mine[TopicPartition(batch.topic, batch.partition)] = written.next_offset
            self._note(batch, written)
            _report_foreign(batch, written)

    def _note(self, batch: LogBatch, written: Written) -> None:
        tally = self.tally
        tally.commits += 1
        tally.committed_at = time.time()
        tally.records[batch.topic] += written.records
        tally.rows.update(written.rows)
        if written.foreign:
            tally.foreign[batch.topic] += len(written.foreign)

    async def _write(self, batches: Sequence[LogBatch]) -> list[Written | BaseException]:
        writes = [
            self._writer.write_feed(batch) if batch.topic == EXECUTIONS else self._writer.write_answers(batch)
            for batch in batches
        ]
        return await asyncio.gather(*writes, return_exceptions=True)


def _batch(one: TopicPartition, start: int, position: int, records: Iterable[ConsumerRecord]) -> LogBatch:
    log_records = [LogRecord(record.offset, record.timestamp, record.value) for record in records]
    return LogBatch(one.topic, one.partition, start, position, log_records)


def _report_foreign(batch: LogBatch, written: Written) -> None:
    for offset, why in list(written.foreign.items())[:SHOWN_FOREIGN]:
        log.warning("%s:%d:%d is skipped: %s", batch.topic, batch.partition, offset, why)
    if len(written.foreign) > SHOWN_FOREIGN:
        more = len(written.foreign) - SHOWN_FOREIGN
        log.warning("%s:%d: %d more records are skipped", batch.topic, batch.partition, more)
