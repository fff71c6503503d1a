"""Asks a Kafka whether it is there. One question, asked from outside any event loop."""

from __future__ import annotations

import asyncio
import logging

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

TIMEOUT_MS = 2_000


def lists_a_broker(bootstrap: str) -> bool:
    """Say whether the Kafka at host:port answers and names at least one broker to talk to."""
    return asyncio.run(_lists_a_broker(bootstrap))


async def _lists_a_broker(bootstrap: str) -> bool:
    # A broker that is starting refuses a few times; that is what we wait for, not an error to tell.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=TIMEOUT_MS)
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()
