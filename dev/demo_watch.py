"""Looks at Kafka and Postgres for the demo: follows the topics, reads the audit, asks how far behind the parts are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from dev.demo_census import SEEN_TOPICS, Census
from dev.demo_checks import Audit
from store import reconcile as counted
from store.flows import FlowStore
from store.pool import Pool
from streams.consumers import committed_reader
from streams.topics import AUDITED_TOPICS, INPUT_TOPICS

POLL_MILLISECONDS = 200


class KafkaWatch:
    """Reads all that is on our topics, from their beginnings on, as a read_committed reader, into `census`.

    Args:
        kafka: the client's arguments.
    """

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self.census = Census()
        self._consumer = committed_reader(kafka, *sorted(SEEN_TOPICS), fetch_max_wait_ms=100)
        self._last_record = time.monotonic()

    async def start(self) -> None:
        """Connect, and read what is there already."""
        await self._consumer.start()
        ends = await self._consumer.end_offsets(self._consumer.assignment())
        for partition, end in ends.items():
            while await self._consumer.position(partition) < end:
                await self._read()

    async def stop(self) -> None:
        """Close the connection."""
        await self._consumer.stop()

    async def follow(self) -> None:
        """Read without an end."""
        while True:
            await self._read()

    async def _read(self) -> None:
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
    positions = await counted.audit_positions(pool)
    return _behind(positions, {place: end for place, end in census.next_offsets.items() if place[0] in AUDITED_TOPICS})


async def read_audit(pool: Pool) -> Audit:
    """Read what Postgres holds."""
    return Audit(
        executions=await counted.count_executions(pool),
        steps=await counted.count_steps(pool),
        decisions=await counted.count_decisions(pool),
        answers=await counted.count_answers(pool),
        command_ids=await counted.command_ids(pool),
        flows=await counted.sum_flows(pool),
        unexplained=await counted.unexplained(pool),
    )


async def flow_names(pool: Pool) -> dict[str, str]:
    """Return how people call each flow, by id."""
    return {flow.id: flow.name for flow in await FlowStore(pool).list_flows()}


def _behind(positions: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]) -> int:
    return sum(max(0, end - positions.get(place, 0)) for place, end in ends.items())
