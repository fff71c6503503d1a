"""The way onto `mal.flows`, for whoever relays the outbox: one record at a time, each acknowledged before the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from streams.topics import FLOWS, MAX_BATCH_BYTES

Send = Callable[[bytes, bytes | None], Awaitable[None]]
"""Sends a key and a value (None: a tombstone), and returns when Kafka has acknowledged it."""

REQUEST_TIMEOUT_MS: Final = 10_000
STOP_SECONDS: Final = 2.0
"""What was not acknowledged was not promised either: leaving need not wait for a Kafka that is away."""


@asynccontextmanager
async def flow_sender(kafka: Mapping[str, Any]) -> AsyncIterator[Send]:
    """Give a sender to `mal.flows`.

    Args:
        kafka: the arguments of any aiokafka client.

    Raises:
        KafkaError: Kafka is away; a send raises it, too, where a record was not acknowledged within ten seconds.
    """
    producer = AIOKafkaProducer(
        **kafka,
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        max_request_size=MAX_BATCH_BYTES,
    )

    async def send(key: bytes, value: bytes | None) -> None:
        await producer.send_and_wait(FLOWS, value, key=key)

    try:
        await producer.start()
        yield send
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await producer.stop()
