"""Has a flow take the matches again that a pause held: found on the feed, read from the log where they lie, sent anew.

Safe to repeat: an event enters a flow once. Reads and writes Kafka alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition

from engine.types import FlowId, Subject
from engine.wire import parse_rfc3339
from streams.consumers import committed_reader
from streams.events import Record
from streams.reading import read_to_end, read_up_to
from streams.topics import EXECUTIONS, TRIGGERS
from streams.triggers import resumed_record

CHUNK: Final = 2_000
"""So many matches are read and sent at a time."""
_MAX_REQUEST_BYTES: Final = 2 * 1024 * 1024


class HeldMatch(NamedTuple):
    """A match that a pause held: whose, since when, and where its event lies."""

    subject: Subject
    at_ms: int
    partition: TopicPartition
    offset: int


class Taken(NamedTuple):
    """How many matches were sent again, and how many Kafka no longer has."""

    sent: int
    gone: int


async def take_again(kafka: Mapping[str, Any], flow_id: FlowId, since_ms: int) -> Taken:
    """Send what was held of a flow since a moment to the flow again, in the order in which it was held.

    Args:
        kafka: the client's arguments.
        flow_id: which flow.
        since_ms: when it was paused.

    Raises:
        KafkaError: Kafka is away.
        TimeoutError: the feed could not be read to its end, or the matches where they lie.
    """
    held = await _held(kafka, flow_id, since_ms)
    sent = 0
    async with AIOKafkaProducer(
        **kafka, acks="all", enable_idempotence=True, max_request_size=_MAX_REQUEST_BYTES, linger_ms=5
    ) as producer:
        for start in range(0, len(held), CHUNK):
            chunk = held[start : start + CHUNK]
            records = await _read(kafka, chunk)
            waiting = []
            for match in chunk:
                record = records.get((match.partition, match.offset))
                if record is not None:
                    key, value, headers = resumed_record(record, match.subject, flow_id, match.at_ms)
                    waiting.append(await producer.send(TRIGGERS, value, key=key, headers=list(headers)))
            for one in waiting:
                await one
            sent += len(waiting)
    return Taken(sent, len(held) - sent)


def held_match(record: Record, flow_id: FlowId, since_ms: int) -> HeldMatch | None:
    """Return the match that a record of the feed tells of, where a pause of this flow held one at that moment or later.

    Args:
        record: of the feed.
        flow_id: which flow.
        since_ms: when it was paused.
    """
    if record.value is None:
        return None
    told = orjson.loads(record.value)
    if (told.get("decision"), told.get("reason"), told.get("flowId")) != ("held", "paused", flow_id):
        return None
    if "input" not in told:
        return None  # a slot of a schedule: its shard knows it, and needs no log to take it again
    at_ms, place = parse_rfc3339(told["at"]), told["input"]
    if at_ms < since_ms:
        return None
    return HeldMatch(
        Subject(**told["subject"]), at_ms, TopicPartition(place["topic"], place["partition"]), place["offset"]
    )


async def _held(kafka: Mapping[str, Any], flow_id: FlowId, since_ms: int) -> list[HeldMatch]:
    held: list[HeldMatch] = []
    needle = orjson.dumps(flow_id)

    def take(record: Record) -> None:
        # Most of the feed is of other flows, and need not be read for that.
        if record.value and needle in record.value and (match := held_match(record, flow_id, since_ms)):
            held.append(match)

    await read_to_end(kafka, EXECUTIONS, take, since_ms=since_ms)
    return held


async def _read(kafka: Mapping[str, Any], matches: Iterable[HeldMatch]) -> dict[tuple[TopicPartition, int], Record]:
    """Return the records of matches, by their place; those that Kafka no longer has are left out."""
    wanted: dict[TopicPartition, set[int]] = {}
    for match in matches:
        wanted.setdefault(match.partition, set()).add(match.offset)
    found: dict[tuple[TopicPartition, int], Record] = {}

    def take(partition: TopicPartition, record: Record) -> None:
        if record.offset in wanted[partition]:
            found[partition, record.offset] = record

    consumer = committed_reader(kafka)
    await consumer.start()
    try:
        consumer.assign(list(wanted))
        ends = await consumer.end_offsets(list(wanted))
        for partition, offsets in wanted.items():
            consumer.seek(partition, min(offsets))
        last = {partition: min(max(offsets) + 1, ends[partition]) for partition, offsets in wanted.items()}
        await read_up_to(consumer, last, take)
    finally:
        await consumer.stop()
    return found
