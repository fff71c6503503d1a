"""How a command changes what workers go by (published flows, limits): in Postgres, then on Kafka, then it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from cli.kafka import kafka_errors
from cli.postgres import postgres
from store import outbox
from streams.flow_outlet import flow_sender
from streams.settings import Settings


@asynccontextmanager
async def published_changes(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """Give a pool for changes; when the block ends, Kafka has what they left in the outbox.

    Kafka is reached first: where it is away, nothing is changed. What a crash leaves in the outbox is sent by
    `mal audit`.

    Raises:
        Refused: Kafka or Postgres is away, or refuses.
    """
    with kafka_errors(settings):
        async with flow_sender(settings.kafka_client()) as send, postgres(settings) as pool:
            yield pool
            await outbox.relay(pool, send)
