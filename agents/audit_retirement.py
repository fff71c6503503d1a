"""Takes superseded versions off mal.flows once nothing can need them any more: rarely, late, and only when sure.

Sure means: no event of before the moment it was superseded is still to be decided by a worker; the audit has written
everything that was on the feed after that was found; and Postgres knows no execution of the version that goes on, may
be retried, or may still reach its goal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from agents.audit_outage import POSTGRES_AWAY, Outage
from store.audit.positions import read_positions
from store.pool import Pool
from store.retirement import retire_if_ended, superseded_before
from store.wall_clock import wall_clock_ms
from streams.consumers import committed_reader
from streams.groups import WORKERS
from streams.topics import EXECUTIONS, INPUT_TOPICS

WORKER_GROUP: Final = WORKERS
KEPT_MS: Final = 24 * 3_600_000
"""A version stays at least so long after it was superseded."""
ROUND_SECONDS: Final = 300.0
CATCH_UP_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 30.0
POLL_MS: Final = 200
LOOK_BYTES: Final = 64 * 1024
"""Of one partition: only its first record is looked at."""

log = logging.getLogger("mal.audit.retirement")


async def retire_versions(pool: Pool, kafka: Mapping[str, Any]) -> None:
    """Look for versions to retire, again and again, until cancelled."""
    outage = Outage(log, "superseded versions are not retired")
    while True:
        try:
            await retire_round(pool, kafka)
            outage.over()
        except (KafkaError, *POSTGRES_AWAY) as error:
            outage.failed(error)
        await asyncio.sleep(ROUND_SECONDS)


async def retire_round(
    pool: Pool,
    kafka: Mapping[str, Any],
    *,
    kept_ms: int = KEPT_MS,
    group: str = WORKER_GROUP,
    now_ms: Callable[[], int] = wall_clock_ms,
) -> int:
    """Retire what can be retired now, and return how many versions that were.

    Args:
        pool: of connections to Postgres.
        kafka: the arguments of any aiokafka client.
        kept_ms: how long a version stays after it was superseded.
        group: the consumer group of the workers.
        now_ms: the clock.

    Raises:
        KafkaError: Kafka is away.
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: Postgres is away.
    """
    candidates = await superseded_before(pool, now_ms() - kept_ms)
    if not candidates:
        return 0
    async with asyncio.timeout(LOOK_SECONDS):
        inputs, committed = await _partitions_and_committed(kafka, group)
        undecided_ms = await _earliest_undecided(kafka, inputs, committed)
        # All topics with subjects have the same partitions. Asked last: what the workers decided is on the feed by now.
        ends = await _feed_ends(kafka, {one.partition for one in inputs})
    # None undecided: every input is read to its end.
    candidates = [one for one in candidates if undecided_ms is None or one.at_ms <= undecided_ms]
    if not candidates or not await _is_written_up_to(pool, ends):
        return 0
    retired = [one for one in candidates if await retire_if_ended(pool, one, now_ms())]
    for one in retired:
        log.info("flow %s version %d has no more executions and was taken off mal.flows", one.flow_id, one.version)
    return len(retired)


async def _earliest_undecided(
    kafka: Mapping[str, Any], inputs: set[TopicPartition], committed: Mapping[TopicPartition, int]
) -> int | None:
    """Return the lowest timestamp among the first records that workers have not decided, None where there are none.

    A shard's clock never goes back, so what follows such a record is decided at its time or later.
    """
    consumer = committed_reader(kafka, max_partition_fetch_bytes=LOOK_BYTES)
    try:
        await consumer.start()
        consumer.assign(sorted(inputs))
        first, end = await consumer.beginning_offsets(list(inputs)), await consumer.end_offsets(list(inputs))
        for one in inputs:
            consumer.seek(one, max(first[one], committed.get(one, 0)))
        earliest: int | None = None
        waiting = set(inputs)
        while waiting:
            # The markers of transactions are no records, but lie before the end: a position tells when that is reached.
            waiting = {one for one in waiting if await consumer.position(one) < end[one]}
            for one, records in (await consumer.getmany(*waiting, timeout_ms=POLL_MS)).items() if waiting else ():
                waiting.discard(one)
                earliest = min([records[0].timestamp, *([] if earliest is None else [earliest])])
        return earliest
    finally:
        await consumer.stop()


async def _partitions_and_committed(
    kafka: Mapping[str, Any], group: str
) -> tuple[set[TopicPartition], dict[TopicPartition, int]]:
    """Return the partitions workers read, and where their group is in them."""
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        described = {found["topic"]: found for found in await admin.describe_topics(list(INPUT_TOPICS))}
        offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    if missing := [topic for topic in INPUT_TOPICS if topic not in described or not described[topic]["partitions"]]:
        raise UnknownTopicOrPartitionError(f"Kafka has no topic {', '.join(missing)}; run `mal topics create`")
    inputs = {
        TopicPartition(topic, found["partition"]) for topic in INPUT_TOPICS for found in described[topic]["partitions"]
    }
    return inputs, {one: max(0, found.offset) for one, found in offsets.items()}


async def _feed_ends(kafka: Mapping[str, Any], partitions: Iterable[int]) -> dict[int, int]:
    consumer = AIOKafkaConsumer(**kafka, group_id=None, enable_auto_commit=False)
    try:
        await consumer.start()
        ends = await consumer.end_offsets([TopicPartition(EXECUTIONS, number) for number in partitions])
    finally:
        await consumer.stop()
    return {one.partition: end for one, end in ends.items()}


async def _is_written_up_to(pool: Pool, ends: Mapping[int, int]) -> bool:
    """Wait a while for the audit, whichever processes it is, to have written the feed up to these offsets."""
    try:
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while True:
                written = await read_positions(pool, EXECUTIONS, list(ends))
                if all(written.get(partition, 0) >= end for partition, end in ends.items()):
                    return True
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False
