"""The consumer groups of our processes, and how each stands: who is in it, and how much it has still to read.

Knows nothing of what they do with what they read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError

WORKERS: Final = "mal"
"""The workers; also the first word of their changelogs and of their transactional ids."""
AUDIT: Final = "mal-audit"
"""The audit. Its positions are in Postgres; the group only shares the partitions."""


NO_COORDINATOR_YET: Final = (
    GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError,
)  # fmt: skip
COORDINATOR_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Group:
    """How many processes read, and how many offsets they have still to read."""

    members: int
    lag: int


async def look(
    kafka: Mapping[str, Any], group: str, topics: Iterable[str], positions: Mapping[tuple[str, int], int] | None = None
) -> Group:
    """Return how a group stands.

    Args:
        kafka: the arguments of any aiokafka client.
        group: which.
        topics: what it reads; all of them exist.
        positions: what it reads next, by topic and partition, where it keeps that itself; else Kafka is asked. What it
            never read of a partition counts from its beginning.

    Raises:
        KafkaError: Kafka is away, or refuses.
    """
    admin = AIOKafkaAdminClient(**kafka)
    consumer = AIOKafkaConsumer(**kafka, group_id=None, enable_auto_commit=False)
    try:
        await admin.start()
        await consumer.start()
        described = await admin.describe_topics(sorted(topics))
        partitions = [
            TopicPartition(found["topic"], one["partition"]) for found in described for one in found["partitions"]
        ]
        if positions is None:
            committed = await _committed(admin, group)
            positions = {(one.topic, one.partition): at.offset for one, at in committed.items() if at.offset >= 0}
        first, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        lag = sum(ends[one] - max(first[one], positions.get((one.topic, one.partition), 0)) for one in partitions)
        return Group(await _members(admin, group), lag)
    finally:
        await consumer.stop()
        await admin.close()


async def _committed(admin: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, Any]:
    """Ask for the offsets of a group; a broker that has just started needs a moment to know who has them."""
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            offsets: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group)
        except NO_COORDINATOR_YET:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return offsets


async def _members(admin: AIOKafkaAdminClient, group: str) -> int:
    [response] = await admin.describe_consumer_groups([group])
    return sum(len(found[5]) for found in response.groups)  # error, group, state, protocol type, protocol, members
