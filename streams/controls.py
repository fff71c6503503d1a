"""Asks something of one execution, and waits until a worker has decided it: pause, resume, cancel, retry."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import time
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from engine.events import Event, read_event
from engine.types import ExecutionId, Json, Subject, Verb
from streams.partitioner import partition_for
from streams.topics import EXECUTIONS, TRIGGERS
from streams.triggers import control_record
from streams.watching import feed_from_now

APPLIED_SECONDS: Final = 10.0
"""How long a command waits for the workers (contract.md section 7)."""
SOURCE: Final = "mal"


class NotAppliedError(TimeoutError):
    """The workers have not said in time that they did it. They may do it later."""


async def control_execution(
    kafka: Mapping[str, Any],
    verb: Verb,
    execution: ExecutionId,
    subject: Subject,
    *,
    user_id: str | None,
    workspace_id: str | None,
    within_seconds: float = APPLIED_SECONDS,
) -> dict[str, Json]:
    """Have the workers do something with an execution; return the record of the feed that says what came of it.

    It is the next record of the execution, or, where it was too late for that, a suppressed decision.

    Args:
        kafka: the client's arguments.
        verb: what is wanted.
        execution: of which.
        subject: of the execution.
        user_id: whose it is.
        workspace_id: whose it is.
        within_seconds: how long to wait.

    Raises:
        NotAppliedError: the workers did not say so in time.
        KafkaError: Kafka is away.
    """
    event = _wish(verb, execution, subject, user_id, workspace_id)
    key, value, headers = control_record(verb, execution, event)
    async with AIOKafkaProducer(**kafka, acks="all", enable_idempotence=True) as producer:
        number = partition_for(subject.id.encode(), len(await producer.partitions_for(EXECUTIONS)))
        async with feed_from_now(kafka, [number]) as feed:
            sent = await producer.send_and_wait(TRIGGERS, value, key=key, partition=number, headers=list(headers))
            place = {"topic": TRIGGERS, "partition": sent.partition, "offset": sent.offset}
            try:
                async with asyncio.timeout(within_seconds):
                    while True:
                        for record in await feed.more():
                            if record.get("input") == place:
                                return record
            except TimeoutError as error:
                raise NotAppliedError(
                    f"no worker has decided {verb} of execution {execution} within {within_seconds:g} s; does one run?"
                ) from error


def _wish(verb: Verb, execution: ExecutionId, subject: Subject, user_id: str | None, workspace_id: str | None) -> Event:
    made = {
        "id": str(uuid4()),
        "type": f"execution_{verb}",
        "source": SOURCE,
        "payload": {"entityType": subject.type, "entityId": subject.id, "executionId": execution},
        "metadata": {"userId": user_id, "workspaceId": workspace_id},
    }
    return read_event(made, default_id="", default_timestamp_ms=int(time() * 1000))
