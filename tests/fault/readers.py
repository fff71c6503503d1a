"""Reads what a run left behind: the topics, as a read_committed reader sees them, and Postgres."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from agents.shard import POSITIONS, POSITIONS_KEY
from streams.consumers import committed_reader
from streams.groups import WORKERS
from streams.reading import read_up_to
from streams.topics import (
    COMMAND_RESULTS,
    COMMAND_TOPICS,
    DEAD_LETTERS,
    ENTITIES,
    EXECUTIONS,
    INPUT_TOPICS,
    TABLES,
    TRIGGERS,
    changelog,
)
from tests.fault.model import Model
from tests.support.verdict import AuditRows, ExecutionRow, Finding, Ledger, Place, StepRow, differences

SHARDS = 6
"""Partitions of every topic that carries subjects."""
FETCH_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class Verdict:
    """What was found, what was counted, and how long the reading took."""

    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def faults(self, *kinds: str) -> int:
        """How much is wrong of these kinds."""
        return sum(finding.count for finding in self.findings if finding.fault in kinds)


async def judge(
    kafka: Mapping[str, Any], model: Model, acknowledged: set[str], dsn: str | None, *, is_once: bool = True
) -> Verdict:
    """Read everything, and say what is wrong with it.

    Args:
        kafka: the client's arguments.
        model: of the workload, empty.
        acknowledged: ids of the events that Kafka has said it has.
        dsn: of the audit's Postgres; None where there was none.
        is_once: whether a command must not be there again.
    """
    started = time.monotonic()
    ledger, verdict = Ledger(), Verdict()
    rows: dict[str, dict[bytes, bytes]] = {table: {} for table in TABLES}
    positions: dict[int, Mapping[str, int]] = {}

    def take_input(record: Any) -> None:
        model.take(record.topic, record.partition, record.offset, record.key, record.value)
        if record.topic == COMMAND_RESULTS and record.value and b"commandId" in record.value:
            told = orjson.loads(record.value)
            ledger.answer(told["commandId"], told["attempt"])

    def take_row(table: str, record: Any) -> None:
        _fold(rows[table], record)
        if table == POSITIONS and record.key == POSITIONS_KEY:
            positions[record.partition] = orjson.loads(record.value)["next"]

    async with _reader(kafka) as consumer:
        for topic in INPUT_TOPICS:
            if topic != TRIGGERS:
                await _read(consumer, topic, take_input)
        await _read(
            consumer,
            EXECUTIONS,
            lambda record: ledger.feed(record.partition, record.offset, record.timestamp, record.value),
        )
        for topic in COMMAND_TOPICS:
            await _read(consumer, topic, lambda record: ledger.command(record.topic, record.value))
        await _read(consumer, DEAD_LETTERS, lambda record: ledger.letter(record.key, record.value, record.headers))
        for table in TABLES:
            await _read(consumer, changelog(table), partial(take_row, table))
        ends = await ends_of(consumer, INPUT_TOPICS)
    expected = model.end()
    verdict.findings += ledger.findings(expected, is_once=is_once)
    verdict.findings += model.state_findings(rows)
    verdict.findings += model.missing(acknowledged)
    verdict.findings += await _open_transactions(kafka)
    verdict.findings += await _offsets(kafka, positions, ends, model.nothing)
    if dsn is not None:
        verdict.findings += ledger.audited(await read_audit(dsn))
    verdict.counts = {
        **model.records,
        "executions": len(ledger.stories),
        "commands": len(ledger.commands),
        "repeats of commands": ledger.repeats,
        "decisions": len(ledger.decided),
        "dead letters": ledger.letters.total(),
        "state rows": sum(map(len, rows.values())),
    }
    verdict.seconds = time.monotonic() - started
    return verdict


def _fold(rows: dict[bytes, bytes], record: Any) -> None:
    if record.value is None:
        rows.pop(record.key, None)
    else:
        rows[record.key] = record.value


@asynccontextmanager
async def _reader(kafka: Mapping[str, Any], **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = committed_reader(kafka, max_partition_fetch_bytes=FETCH_BYTES, **settings)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, topic: str, take: Callable[[Any], None]) -> None:
    """Hand over what is on a topic, one partition after the other."""
    for partition in _partitions(topic):
        consumer.assign([partition])
        ends = await consumer.end_offsets([partition])
        await consumer.seek_to_beginning(partition)
        await read_up_to(consumer, ends, lambda _, record: take(record))


async def ends_of(consumer: AIOKafkaConsumer, topics: tuple[str, ...]) -> dict[TopicPartition, int]:
    ends: dict[TopicPartition, int] = await consumer.end_offsets(
        [one for topic in topics for one in _partitions(topic)]
    )
    return ends


def _partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(SHARDS)]


async def _open_transactions(kafka: Mapping[str, Any]) -> list[Finding]:
    topics = (*INPUT_TOPICS, *COMMAND_TOPICS, EXECUTIONS, DEAD_LETTERS, ENTITIES, *map(changelog, TABLES))
    found = []
    for isolation in ("read_committed", "read_uncommitted"):
        consumer = AIOKafkaConsumer(**kafka, isolation_level=isolation)
        await consumer.start()
        try:
            found.append(await ends_of(consumer, topics))
        finally:
            await consumer.stop()
    stable, ends = found
    return left_open(stable, ends)


def left_open(stable: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> list[Finding]:
    """Name the partitions whose last stable offset stays behind their end."""
    return list(differences("offsets", "partitions with an open transaction", ends, stable))


async def _offsets(
    kafka: Mapping[str, Any],
    positions: Mapping[int, Mapping[str, int]],
    ends: Mapping[TopicPartition, int],
    nothing: Collection[Place],
) -> list[Finding]:
    admin = AIOKafkaAdminClient(**kafka)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(WORKERS)
    finally:
        await admin.close()
    return astray({partition: at.offset for partition, at in committed.items()}, positions, ends, nothing)


def astray(
    committed: Mapping[TopicPartition, int],
    positions: Mapping[int, Mapping[str, int]],
    ends: Mapping[TopicPartition, int],
    nothing: Collection[Place],
) -> list[Finding]:
    """Name where the group is ahead of the state, or the state beyond the end of the input.

    Args:
        committed: the group's offsets.
        positions: shard → input → the next offset that the state has.
        ends: of the inputs.
        nothing: records without a value.
    """
    # The group also moves over what gives nothing to commit: records without a value (docs/adr/0002).
    ahead = {
        (partition, offset): at
        for partition, at in committed.items()
        for offset in range(positions.get(partition.partition, {}).get(partition.topic, 0), at)
        if (partition.topic, partition.partition, offset) not in nothing
    }
    beyond = {
        partition: (positions.get(partition.partition, {}).get(partition.topic, 0), end)
        for partition, end in ends.items()
        if positions.get(partition.partition, {}).get(partition.topic, 0) > end
    }
    return [
        *differences("offsets", "records that the group is past and the state is not", {}, ahead),
        *differences("offsets", "inputs whose position lies beyond their end", {}, beyond),
    ]


async def read_audit(dsn: str) -> AuditRows:
    """Read what Postgres holds of the feed and the answers."""
    connection = await asyncpg.connect(dsn)
    try:
        return AuditRows(
            executions={
                row["id"]: ExecutionRow(
                    row["seq"],
                    row["status"],
                    row["end_reason"],
                    row["flow_id"],
                    (row["subject_type"], row["subject_id"]),
                )
                for row in await connection.fetch(
                    "select id, seq, status, end_reason, flow_id, subject_type, subject_id from automation_executions"
                )
            },
            steps={
                (row["execution_id"], row["node_id"], row["visit"]): StepRow(row["status"], tuple(row["command_ids"]))
                for row in await connection.fetch(
                    "select execution_id, node_id, visit, status, command_ids from automation_execution_steps"
                )
            },
            decisions=Counter(
                (row["feed_partition"], row["feed_offset"], row["reason"], row["event_id"])
                for row in await connection.fetch(
                    "select feed_partition, feed_offset, reason, event_id from automation_decisions"
                )
            ),
            answers=Counter(
                (row["command_id"], row["attempt"])
                for row in await connection.fetch("select command_id, attempt from automation_command_results")
            ),
        )
    finally:
        await connection.close()
