"""Relays the outbox to mal.flows, should whoever published have died before doing so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiokafka.errors import KafkaError

from agents.audit_outage import POSTGRES_AWAY, Outage
from store import outbox
from store.pool import Pool
from streams.flow_outlet import flow_sender

RELAY_SECONDS: Final = 0.25

log = logging.getLogger("mal.audit.outbox")


async def relay_outbox(pool: Pool, kafka: Mapping[str, Any]) -> None:
    """Relay what stands in the outbox, again and again, until cancelled."""
    outage = Outage(log, "the outbox is not relayed to mal.flows")
    while True:
        try:
            async with flow_sender(kafka) as send:
                while True:
                    await outbox.relay(pool, send)
                    outage.over()
                    await asyncio.sleep(RELAY_SECONDS)
        except (KafkaError, *POSTGRES_AWAY) as error:
            await asyncio.sleep(outage.failed(error))
