"""Whether topics are kept as they must be: what loses state, history or large records if it is set otherwise.

Larger limits and longer retention are an operator's choice and no fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.topics import TOPICS

EXACT: Final = ("cleanup.policy",)
AT_LEAST: Final = ("retention.ms", "retention.bytes", "max.message.bytes", "message.timestamp.after.max.ms")
_NO_LIMIT: Final = -1


@dataclass(frozen=True, slots=True)
class WrongSetting:
    """A setting of a topic: what it is, and what it must be, or be at least."""

    topic: str
    name: str
    value: str
    needed: str


async def wrong_settings(kafka: Mapping[str, Any]) -> list[WrongSetting]:
    """Return the settings of our topics that are not as they must be; topics that are missing are passed over.

    Raises:
        KafkaError: Kafka is away, or refuses.
    """
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        there = set(await admin.list_topics())
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in TOPICS if topic.name in there]
        answers = await admin.describe_configs(asked) if asked else []
    finally:
        await admin.close()
    values = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
        if not resource[0]
    }
    return [
        WrongSetting(topic.name, name, seen, needed)
        for topic in TOPICS
        for name, needed in topic.config.items()
        if (seen := values.get(topic.name, {}).get(name)) is not None and not fits(name, seen, needed)
    ]


async def lowest_replication(kafka: Mapping[str, Any]) -> int:
    """Return the fewest replicas that a partition of ours has.

    Raises:
        KafkaError: Kafka is away, or refuses.
    """
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        names = {topic.name for topic in TOPICS}
        described = [one for one in await admin.describe_topics() if one["topic"] in names]
    finally:
        await admin.close()
    return min((len(part["replicas"]) for one in described for part in one["partitions"]), default=0)


def fits(name: str, value: str, needed: str) -> bool:
    """Say whether a setting does; one that decides nothing of ours always does."""
    if name in EXACT:
        return value == needed
    if name in AT_LEAST:
        return int(value) == _NO_LIMIT or (int(needed) != _NO_LIMIT and int(value) >= int(needed))
    return True
