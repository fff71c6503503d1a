"""Reads the answers given so far, so that a restarted simulator does not do the work of a command again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from simulators.topics import RESULTS_TOPIC
from simulators.works import Works

TIMEOUT_SECONDS = 120.0


async def restore_works(kafka: Mapping[str, Any], works: Works) -> int:
    """Fold all answers on the results topic into `works`; return how many there were. The topic must exist.

    Raises:
        TimeoutError: the end of the topic was not reached within two minutes.
    """
    # Subscribed without a group: it reads all partitions, and moves nobody's position.
    consumer = AIOKafkaConsumer(RESULTS_TOPIC, **kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _fold(consumer, works)
    finally:
        await consumer.stop()


async def _fold(consumer: AIOKafkaConsumer, works: Works) -> int:
    numbers = consumer.partitions_for_topic(RESULTS_TOPIC)
    partitions = [TopicPartition(RESULTS_TOPIC, number) for number in numbers or ()]
    ends = await consumer.end_offsets(partitions)
    await consumer.seek_to_beginning(*partitions)
    folded = 0
    for partition in partitions:
        while await consumer.position(partition) < ends[partition]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    folded += _take(record.value, works)
    return folded


def _take(value: bytes | None, works: Works) -> int:
    try:
        answer = orjson.loads(value or b"")
        command, attempt, status = answer["commandId"], answer["attempt"], answer["status"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return 0  # somebody else's words on the topic: no answer of ours
    if not isinstance(command, str) or type(attempt) is not int:
        return 0
    works.record(command, attempt, succeeded=status == "succeeded")
    return 1
