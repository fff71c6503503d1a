"""Looks at Kafka and Postgres for the demo: follows the topics, reads the audit, asks how far behind the parts are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from dev.demo_census import SEEN_TOPICS, Census
from dev.demo_checks import Audit
from store.pool import Pool
from streams.topics import COMMAND_RESULTS, EXECUTIONS, INPUT_TOPICS

POLL_MILLISECONDS = 200
AUDITED_TOPICS = frozenset({EXECUTIONS, COMMAND_RESULTS})

EXECUTIONS_OF_FLOWS = """
select flow_id, status, count(*) from automation_executions where started_at >= $1 group by flow_id, status
"""
STEPS = "select count(*) from automation_execution_steps where execution_started_at >= $1"
STEP_COMMANDS = """
select distinct unnest(command_ids) as id from automation_execution_steps where execution_started_at >= $1
"""
DECISIONS = "select count(*) from automation_decisions where at >= $1"
ANSWERS = "select count(*) from automation_command_results where recorded_at >= $1"
POSITIONS = "select topic, partition, next_offset from automation_audit_positions"
FLOW_NAMES = "select id, name from automation_flows"


class KafkaWatch:
    """Reads all that is written from its start on, as a read_committed reader, into `census`.

    Args:
        kafka: the client's arguments.
    """

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self.census = Census()
        self._consumer = AIOKafkaConsumer(
            *sorted(SEEN_TOPICS),
            **kafka,
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
        )
        self._last_record = time.monotonic()

    async def start(self) -> None:
        """Connect, and stand at the end of every topic."""
        await self._consumer.start()
        await self._consumer.seek_to_end()

    async def stop(self) -> None:
        """Close the connection."""
        await self._consumer.stop()

    async def follow(self) -> None:
        """Read without an end."""
        while True:
            batches = await self._consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=2_000)
            for records in batches.values():
                for record in records:
                    self.census.take(record.topic, record.partition, record.offset, record.value)
            if batches:
                self._last_record = time.monotonic()

    def idle_seconds(self) -> float:
        """Return how long nothing has been written."""
        return time.monotonic() - self._last_record


async def records_behind(kafka: Mapping[str, Any], group: str, census: Census) -> int:
    """Return how many records of its topics a group of workers has not committed yet."""
    admin = AIOKafkaAdminClient(**kafka)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    positions = {(place.topic, place.partition): found.offset for place, found in committed.items()}
    return _behind(positions, {place: end for place, end in census.next_offsets.items() if place[0] in INPUT_TOPICS})


async def audit_behind(pool: Pool, census: Census) -> int:
    """Return how many records of the feed and of the answers are not in Postgres yet."""
    positions = {(row["topic"], row["partition"]): row["next_offset"] for row in await pool.fetch(POSITIONS)}
    return _behind(positions, {place: end for place, end in census.next_offsets.items() if place[0] in AUDITED_TOPICS})


async def read_audit(pool: Pool, since_ms: int) -> Audit:
    """Read what Postgres holds of all that started since (milliseconds since the epoch)."""
    since = datetime.fromtimestamp(since_ms / 1000, UTC)
    return Audit(
        executions={(row[0], row[1]): row[2] for row in await pool.fetch(EXECUTIONS_OF_FLOWS, since)},
        steps=await pool.fetchval(STEPS, since),
        decisions=await pool.fetchval(DECISIONS, since),
        answers=await pool.fetchval(ANSWERS, since),
        command_ids=frozenset(row["id"] for row in await pool.fetch(STEP_COMMANDS, since)),
    )


async def flow_names(pool: Pool) -> dict[str, str]:
    """Return how people call each flow, by id."""
    return {row["id"]: row["name"] for row in await pool.fetch(FLOW_NAMES)}


def _behind(positions: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]) -> int:
    return sum(max(0, end - positions.get(place, 0)) for place, end in ends.items())
