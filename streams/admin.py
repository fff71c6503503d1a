"""Creates the topics of the table, and checks that they fit together. Changes no topic that is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.settings import Settings
from streams.topics import FLOWS, TOPICS, Topic

SHOWN_SECONDS: Final = 30.0
"""How long a new topic may take to be known, with leaders, to the broker that is asked."""
_POLL_SECONDS: Final = 0.1
_BROKERS_CHOICE: Final = -1
"""Replication as the broker is set up."""
_DONE: Final = frozenset({0, TopicAlreadyExistsError.errno})


class TopicsError(RuntimeError):
    """Topics are missing, or their partition counts do not fit together. The message names them."""


async def create_topics(settings: Settings) -> list[tuple[str, int]]:
    """Create the topics that are missing, and return those with their partition counts.

    Another process may do the same at the same time. Returns when the broker shows all of them with leaders.

    Raises:
        KafkaError: Kafka is away, or refuses a topic; the message names it.
        TopicsError: the broker did not show them within 30 seconds.
    """
    async with _admin(settings) as admin:
        counts = await _counts(admin)
        missing = [topic for topic in TOPICS if topic.name not in counts]
        created: list[tuple[str, int]] = []
        if missing:
            new = [_new(topic, settings.kafka_partitions) for topic in missing]
            response = await admin.create_topics(new)
            refusals = {name: (code, message) for name, code, message, *_ in response.topic_errors}
            for topic in missing:
                code, message = refusals[topic.name]
                if code not in _DONE:
                    raise for_code(code)(f"topic {topic.name}: {message or for_code(code).__name__}")
                if code == 0:
                    created.append((topic.name, _partitions(topic, settings.kafka_partitions)))
        await _until_shown(admin)
        return created


async def check_topics(settings: Settings) -> int:
    """Return the partition count that all topics with subjects have in common.

    Raises:
        KafkaError: Kafka is away.
        TopicsError: topics are missing, or their counts differ; all are named.
    """
    async with _admin(settings) as admin:
        counts = await _counts(admin)
    missing = [topic.name for topic in TOPICS if topic.name not in counts]
    if missing:
        raise TopicsError(f"Kafka has no topic {', '.join(missing)}; run `mal topics create`")
    if counts[FLOWS] != 1:
        raise TopicsError(f"{FLOWS} has {counts[FLOWS]} partitions, it must have 1: its records have one order")
    by_count: dict[int, list[str]] = {}
    for topic in TOPICS:
        if topic.carries_subjects:
            by_count.setdefault(counts[topic.name], []).append(topic.name)
    if len(by_count) > 1:
        shown = "; ".join(f"{count}: {', '.join(names)}" for count, names in sorted(by_count.items()))
        raise TopicsError(
            f"topics that carry subjects must have equal partition counts, they have {shown}; "
            "create the topics anew, or add partitions and re-key"
        )
    return next(iter(by_count))


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _new(topic: Topic, partitions: int) -> NewTopic:
    new = NewTopic(topic.name, _partitions(topic, partitions), 1, topic_configs=dict(topic.config))
    # aiokafka's constructor refuses what Kafka understands: so many partitions, replicas as the broker is set up.
    new.replication_factor = _BROKERS_CHOICE
    return new


def _partitions(topic: Topic, partitions: int) -> int:
    return partitions if topic.carries_subjects else 1


async def _counts(admin: AIOKafkaAdminClient) -> Mapping[str, int]:
    """Return the partition count of every topic of ours that is there and has a leader for each partition."""
    names = {topic.name for topic in TOPICS}
    found: list[dict[str, Any]] = await admin.describe_topics()
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in found
        if topic["topic"] in names
        and topic["error_code"] == 0
        and all(partition["leader"] >= 0 for partition in topic["partitions"])
    }


async def _until_shown(admin: AIOKafkaAdminClient) -> None:
    try:
        async with asyncio.timeout(SHOWN_SECONDS):
            while missing := {topic.name for topic in TOPICS} - set(await _counts(admin)):  # noqa: ASYNC110 -- Kafka tells nobody
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        names = ", ".join(sorted(missing))
        raise TopicsError(f"Kafka does not show {names} after {SHOWN_SECONDS:.0f} s; look at its log") from None
