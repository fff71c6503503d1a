"""Asks every shard whether it has applied a change of a flow's status, and waits until all have said so on the feed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import time
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from engine.events import read_event
from engine.flow import Flow
from engine.types import Standing
from streams.controls import APPLIED_SECONDS, SOURCE, NotAppliedError
from streams.topics import EXECUTIONS, TRIGGERS
from streams.triggers import asked_record
from streams.watching import feed_from_now

ASK_AGAIN_SECONDS: Final = 0.5
"""A worker hears of the change and of the question by different topics: one that does not know yet says nothing."""


async def all_applied(
    kafka: Mapping[str, Any], flow: Flow, status: Standing, at_ms: int, *, within_seconds: float = APPLIED_SECONDS
) -> None:
    """Return when every shard has applied a change of a flow's status.

    Args:
        kafka: the client's arguments.
        flow: which flow.
        status: what it was changed to.
        at_ms: when.
        within_seconds: how long to wait.

    Raises:
        NotAppliedError: not all did in time.
        KafkaError: Kafka is away.
    """
    question = {
        "id": str(uuid4()),
        "type": f"flow_{status}",
        "source": SOURCE,
        "payload": {},
        "metadata": {"userId": flow.user_id, "workspaceId": flow.workspace_id},
    }
    event = read_event(question, default_id="", default_timestamp_ms=int(time() * 1000))
    key, value, headers = asked_record(flow.id, status, at_ms, event)
    async with AIOKafkaProducer(**kafka, acks="all", enable_idempotence=True) as producer:
        open_shards = set(await producer.partitions_for(EXECUTIONS))
        total = len(open_shards)
        async with feed_from_now(kafka, open_shards) as feed:
            try:
                async with asyncio.timeout(within_seconds):
                    while open_shards:
                        for number in open_shards:
                            await producer.send_and_wait(
                                TRIGGERS, value, key=key, partition=number, headers=list(headers)
                            )
                        asked_at = asyncio.get_running_loop().time()
                        while open_shards and asyncio.get_running_loop().time() - asked_at < ASK_AGAIN_SECONDS:
                            for record in await feed.more():
                                if record.get("eventId") == event.id:
                                    open_shards.discard(record["input"]["partition"])
            except TimeoutError as error:
                raise NotAppliedError(
                    f"{len(open_shards)} of {total} shards have not said within {within_seconds:g} s that flow "
                    f"{flow.id} is {status} there; do workers run?"
                ) from error
